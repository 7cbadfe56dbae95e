"""The scripts of early warning in Redis: each one round trip, all or nothing.

Keys beside those of redis_scripts.py, under the same hash tag:

    w:lease     who evaluates: h holder, u until, t term, s since when
    w:nodes     node → the last quarter that it told, when it was heard, the hour its mail began
    w:q:QUARTER node → what it counted (insight/count_bytes.py)
    w:board     b what was learnt (insight/surge_bytes.py), n from which nodes, d the last quarter
                that was evaluated
    w:owed      alert and way → when it is due, tries, and what is to be said
    w:sent      alert and way → when it was delivered, or given up
    w:alone     what a node has told by itself, while it was alone → the quarter of it

They use no command that the others do not use.
"""

from typing import Final

from mailtriage.state.redis_scripts import script
from mailtriage.state.warnings import MOST_OWED

_SENT_KEPT: Final = 7 * 86_400
"""Seconds for which it is remembered that an alert was delivered."""

# Further ARGV: seconds that the installation's own key is kept at least.
LOOK: Final = script("""
if not meta[3] and ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'schema', ARGV[2], 'secret', ARGV[3], 'epoch', ARGV[4])
end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[5]) then
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
local lease = redis.call('HMGET', P .. 'w:lease', 'h', 'u', 't', 's')
for number = 1, 4 do lease[number] = lease[number] or '' end
return {'ok', redis.call('TIME')[1], lease, redis.call('HGET', P .. 'w:board', 'd') or '0',
        redis.call('HGETALL', P .. 'w:nodes'), redis.call('HLEN', P .. 'w:owed'),
        redis.call('HGET', P .. 'w:board', 'n') or ''}
""")

# Further ARGV: seconds that nodes are kept, seconds that `alone` is kept, node, its line, how many
# things it has told alone, a name and a quarter for each; then quarter, seconds, counts.
TELL: Final = script("""
redis.call('HSET', P .. 'w:nodes', ARGV[7], ARGV[8])
redis.call('EXPIRE', P .. 'w:nodes', ARGV[5])
local place = 10
for _ = 1, tonumber(ARGV[9]) do
  redis.call('HSET', P .. 'w:alone', ARGV[place], ARGV[place + 1])
  redis.call('EXPIRE', P .. 'w:alone', ARGV[6])
  place = place + 2
end
while ARGV[place] do
  local key = P .. 'w:q:' .. ARGV[place]
  redis.call('HSET', key, ARGV[7], ARGV[place + 2])
  if redis.call('TTL', key) < tonumber(ARGV[place + 1]) then
    redis.call('EXPIRE', key, ARGV[place + 1])
  end
  place = place + 3
end
return {'ok'}
""")

# Further ARGV: seconds that it is kept; holder, until and term as they were read; the new ones, and
# since when.
CLAIM: Final = script("""
local key = P .. 'w:lease'
local lease = redis.call('HMGET', key, 'h', 'u', 't')
for number = 1, 3 do
  if (lease[number] or '') ~= ARGV[5 + number] then return {'ok', 0} end
end
redis.call('HSET', key, 'h', ARGV[9], 'u', ARGV[10], 't', ARGV[11], 's', ARGV[12])
redis.call('EXPIRE', key, ARGV[5])
return {'ok', 1}
""")

# Further ARGV: quarters.
COUNTS: Final = script("""
local found = {}
for number = 5, #ARGV do
  found[#found + 1] = redis.call('HGETALL', P .. 'w:q:' .. ARGV[number])
end
return {'ok', found}
""")

BOARD: Final = script("""
return {'ok', redis.call('HGET', P .. 'w:board', 'b') or ''}
""")

ALONE: Final = script("""
return {'ok', redis.call('HGETALL', P .. 'w:alone')}
""")

OWED: Final = script("""
return {'ok', redis.call('HGETALL', P .. 'w:owed')}
""")

# Further ARGV: seconds that all is kept, now, holder, its term, quarter of the board that it has
# read, quarter of the new one, the new one, the nodes that it was learnt from, how many nodes are
# to be forgotten, and they; then alerts: name, and what is owed, empty: it was delivered.
COMMIT: Final = script("""
local keep, now = tonumber(ARGV[5]), tonumber(ARGV[6])
local lease = redis.call('HMGET', P .. 'w:lease', 'h', 't')
if lease[1] ~= ARGV[7] or lease[2] ~= ARGV[8] then return {'ok', 0} end
if (redis.call('HGET', P .. 'w:board', 'd') or '0') ~= ARGV[9] then return {'ok', 0} end
redis.call('HSET', P .. 'w:board', 'd', ARGV[10], 'b', ARGV[11], 'n', ARGV[12])
redis.call('EXPIRE', P .. 'w:board', keep)
local place = 14 + tonumber(ARGV[13])
for number = 14, place - 1 do redis.call('HDEL', P .. 'w:nodes', ARGV[number]) end

local owed, sent = P .. 'w:owed', P .. 'w:sent'
local all = redis.call('HGETALL', sent)
for number = 1, #all, 2 do
  if tonumber(all[number + 1]) < now - """ + str(_SENT_KEPT) + """ then
    redis.call('HDEL', sent, all[number])
  end
end
while ARGV[place] do
  if ARGV[place + 1] == '' then
    redis.call('HDEL', owed, ARGV[place])
    redis.call('HSET', sent, ARGV[place], now)
  elseif not redis.call('HGET', sent, ARGV[place]) then
    redis.call('HSETNX', owed, ARGV[place], ARGV[place + 1])
  end
  place = place + 2
end
while redis.call('HLEN', owed) > """ + str(MOST_OWED) + """ do
  local waiting, first, first_due = redis.call('HGETALL', owed), nil, math.huge
  for number = 1, #waiting, 2 do
    local due = struct.unpack('>d', waiting[number + 1])
    if due < first_due then first, first_due = waiting[number], due end
  end
  redis.call('HDEL', owed, first)
end
redis.call('EXPIRE', owed, keep)
redis.call('EXPIRE', sent, keep)
return {'ok', 1}
""")  # fmt: skip

# Further ARGV: seconds that it is kept, now, name of the alert, what is owed now, empty: nothing.
ATTEMPTED: Final = script("""
local owed, sent = P .. 'w:owed', P .. 'w:sent'
if ARGV[8] == '' then
  redis.call('HDEL', owed, ARGV[7])
  redis.call('HSET', sent, ARGV[7], ARGV[6])
  redis.call('EXPIRE', sent, ARGV[5])
elseif redis.call('HGET', owed, ARGV[7]) then
  redis.call('HSET', owed, ARGV[7], ARGV[8])
end
return {'ok'}
""")

# Further ARGV: holder, its term, and now: from which on all nodes are waited for.
BEGIN_ANEW: Final = script("""
local lease = redis.call('HMGET', P .. 'w:lease', 'h', 't')
if lease[1] ~= ARGV[5] or lease[2] ~= ARGV[6] then return {'ok', 0} end
redis.call('HSET', P .. 'w:lease', 't', tonumber(ARGV[6]) + 1, 's', ARGV[7])
redis.call('HDEL', P .. 'w:board', 'b', 'd', 'n')
local nodes = redis.call('HGETALL', P .. 'w:nodes')
for number = 1, #nodes, 2 do redis.call('HDEL', P .. 'w:nodes', nodes[number]) end
return {'ok', 1}
""")

# Further ARGV: node, holder, its term (empty: it has none), until when its lease was.
LEAVE: Final = script("""
redis.call('HDEL', P .. 'w:nodes', ARGV[5])
local lease = redis.call('HMGET', P .. 'w:lease', 'h', 't')
if lease[1] == ARGV[6] and lease[2] == ARGV[7] then
  redis.call('HSET', P .. 'w:lease', 'u', ARGV[8])
end
return {'ok'}
""")
