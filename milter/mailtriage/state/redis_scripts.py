"""The scripts that run in Redis: each one round trip, on one shard.

All keys of one installation have one hash tag, `mt:{PREFIX}:…`, so that in a cluster they share a
slot, and one script may touch all that a mail asks for:

    meta      schema, fingerprint of the secret, epoch: another one has been told nothing yet
    k:KEY     "c" + node: that node has the mail in hand; "r" + conversation: it has had its effect
    i:HASH    Message-ID → conversation; the first who uses one owns it
    c:ID      conversation: its row, "w" + address for each writer, "i" + key for each mail
    a:ADDRESS acknowledgements by key, as `shared_records.pack_ack` packs them
    n:NETWORK the same by network: keys, sorted by time
    m:ADDRESS what is held against it
    s:ADDRESS when its owner was last asked how satisfied they were, and opted out of it; apart from
              m:, as nodes of an older version set the time to live of that by what they know of it

What is told is merged, so that telling it again, late, or in another order changes nothing: times
by their maximum, sets by union. Every key has a time to live.
"""

import hashlib
from typing import Final, NamedTuple

SCHEMA: Final = 1
"""Of all these keys. A newer one is left alone."""

MOST_MAILS: Final = 100
"""Of a conversation; then the oldest go, but for the first."""

MOST_ACKS: Final = 200
"""Of an address, or of a network."""

OPT_OUT_KEPT: Final = 10 * 366 * 86_400
"""Seconds after an opt-out was told last. Nodes that have heard it keep it for good, and tell it
again whenever Redis has lost something."""


class Script(NamedTuple):
    """A script, and the name by which Redis has it."""

    text: str
    sha: str


def script(text: str) -> Script:
    whole = _HEAD + text
    return Script(whole, hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest())


# ARGV: prefix, schema, fingerprint, epoch to begin when there is none ("": none is begun), then
# what the script wants.
_HEAD: Final = """
local P = ARGV[1]
local meta = redis.call('HMGET', KEYS[1], 'schema', 'secret', 'epoch')
if meta[1] and tonumber(meta[1]) > tonumber(ARGV[2]) then return {'schema', meta[1]} end
if meta[2] and meta[2] ~= ARGV[3] then return {'secret', ''} end
local function expire(key, at)
  redis.call('EXPIREAT', key, math.ceil(at))
end
"""

# Further ARGV: node, seconds of a claim (0: none is made), key, address, network, now, since when
# acknowledgements count, then of each group of references its length and kind and hash of each.
PULL: Final = script("""
local node, ttl, key, address, network = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]
local now, since = tonumber(ARGV[10]), tonumber(ARGV[11])
local claim = 'none'
if key ~= '' then
  local held = redis.call('GET', P .. 'k:' .. key)
  if held and string.sub(held, 1, 1) == 'r' then claim = 'recorded'
  elseif held and held ~= 'c' .. node then claim = 'other'
  elseif ttl > 0 then
    -- Full memory refuses it: then the mail is nobody's, and the rest is still told.
    local done = redis.pcall('SET', P .. 'k:' .. key, 'c' .. node, 'EX', ttl)
    if done.ok then claim = 'mine' end
  end
end

local conversations, named, seen, place = {}, {}, {}, 12
while ARGV[place] do
  local length, found = tonumber(ARGV[place]), false
  for number = 1, length do
    local kind, hash = ARGV[place + 2 * number - 1], ARGV[place + 2 * number]
    if kind == 'k' then named[#named + 1] = hash end
    if not found then
      local id = redis.call('GET', P .. kind .. ':' .. hash)
      if id and kind == 'k' then
        id = string.sub(id, 1, 1) == 'r' and string.sub(id, 2) or false
      end
      if id then
        found = true
        if not seen[id] then
          seen[id] = true
          local fields = redis.call('HGETALL', P .. 'c:' .. id)
          conversations[#conversations + 1] = {id, kind == 'i' and hash or '', fields}
          if address == '' then address = redis.call('HGET', P .. 'c:' .. id, 'c') or '' end
        end
      end
    end
  end
  place = place + 2 * length + 1
end

local acks, mark = {}, {}
if address ~= '' then
  local all = redis.call('HGETALL', P .. 'a:' .. address)
  local wanted = {}
  for _, one in ipairs(named) do wanted[one] = true end
  for number = 1, #all, 2 do
    if wanted[all[number]] or struct.unpack('>d', all[number + 1]) > since then
      acks[#acks + 1] = all[number]
      acks[#acks + 1] = all[number + 1]
    end
  end
  mark = redis.call('HMGET', P .. 'm:' .. address, 'u', 'c', 'q', 'r')
  local survey = redis.call('HMGET', P .. 's:' .. address, 'a', 'o')
  mark[5], mark[6] = survey[1], survey[2]
  for number = 1, 6 do mark[number] = mark[number] or '0' end
end
local others = {}
if network ~= '' then
  others = redis.call('ZREVRANGEBYSCORE', P .. 'n:' .. network, '+inf', now - 3600,
                      'WITHSCORES', 'LIMIT', 0, """ + str(MOST_ACKS) + """)
end
return {'ok', meta[3] or '', claim, address, network, acks, others, mark, conversations}
""")  # fmt: skip

# Further ARGV: seconds that all is kept, then one row after the other: its letter, how many values
# follow, and they.
PUSH: Final = script("""
local keep = tonumber(ARGV[5])
local function raise(key, field, value)
  local old = redis.call('HGET', key, field)
  if not old or tonumber(old) < tonumber(value) then redis.call('HSET', key, field, value) end
end

local function conversation(at)
  local id, mailbox, customer, began, last, answered, acknowledged, promised, helpdesk, ticket =
    unpack(ARGV, at, at + 9)
  local key = P .. 'c:' .. id
  redis.call('HSETNX', key, 'm', mailbox)
  redis.call('HSETNX', key, 'c', customer)
  local old = redis.call('HMGET', key, 'b', 'k', 't')
  if not old[1] or tonumber(began) < tonumber(old[1]) then redis.call('HSET', key, 'b', began) end
  if not old[2] or tonumber(acknowledged) > tonumber(old[2]) then
    redis.call('HSET', key, 'k', acknowledged, 'p', promised)
  end
  if ticket ~= '' and not old[3] then redis.call('HSET', key, 't', ticket) end
  raise(key, 'l', last)
  raise(key, 'a', answered)
  raise(key, 'h', helpdesk)
  for number = at + 11, at + 10 + tonumber(ARGV[at + 10]) do
    redis.call('HSET', key, 'w' .. ARGV[number], '')
  end
  expire(key, tonumber(redis.call('HGET', key, 'l')) + keep)
end

local function thin_out(key)
  local all, mails = redis.call('HGETALL', key), {}
  for number = 1, #all, 2 do
    if string.sub(all[number], 1, 1) == 'i' then
      local _, at = struct.unpack('>c1d', all[number + 1])
      mails[#mails + 1] = {at, all[number]}
    end
  end
  table.sort(mails, function(a, b) return a[1] < b[1] end)
  for number = 2, #mails - """ + str(MOST_MAILS) + """ do
    redis.call('HDEL', key, mails[number][2])
  end
end

local function mail(at)
  local id, name, packed, time = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local key = P .. 'c:' .. id
  redis.call('SET', P .. 'k:' .. name, 'r' .. id)
  expire(P .. 'k:' .. name, time + keep)
  redis.call('HSET', key, 'i' .. name, packed)
  if redis.call('HLEN', key) > """ + str(MOST_MAILS + 60) + """ then thin_out(key) end
  if redis.call('TTL', key) < 0 then expire(key, time + keep) end
end

local function message(at)
  local hash, id, time = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  if redis.call('SETNX', P .. 'i:' .. hash, id) == 1 then expire(P .. 'i:' .. hash, time + keep) end
end

local function ack(at)
  local address, name, packed, network = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local time, sent = struct.unpack('>dd', packed)
  local key = P .. 'a:' .. address
  local old = redis.call('HGET', key, name)
  if old then
    local before, sent_before = struct.unpack('>dd', old)
    time, sent = math.max(time, before), math.max(sent, sent_before)
    packed = struct.pack('>dd', time, sent) .. string.sub(packed, 17)
  end
  redis.call('HSET', key, name, packed)
  if redis.call('HLEN', key) > """ + str(MOST_ACKS) + """ then
    local all, first, first_at = redis.call('HGETALL', key), nil, math.huge
    for number = 1, #all, 2 do
      local one = struct.unpack('>d', all[number + 1])
      if one < first_at then first, first_at = all[number], one end
    end
    redis.call('HDEL', key, first)
  end
  local newest = redis.call('TTL', key)
  local now = tonumber(redis.call('TIME')[1])
  if newest < 0 or now + newest < time + keep then expire(key, time + keep) end
  if network ~= '' and time > now - 7200 then
    key = P .. 'n:' .. network
    redis.call('ZADD', key, time, name)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 7200)
    redis.call('EXPIRE', key, 7200)
  end
end

local function mark(at)
  local key = P .. 'm:' .. ARGV[at]
  local latest = 0
  for number, field in ipairs({'u', 'c', 'q', 'r'}) do
    raise(key, field, ARGV[at + number])
    latest = math.max(latest, tonumber(redis.call('HGET', key, field)))
  end
  expire(key, latest + keep)
end

local function survey(at)
  local key = P .. 's:' .. ARGV[at]
  raise(key, 'a', ARGV[at + 1])
  raise(key, 'o', ARGV[at + 2])
  local known = redis.call('HMGET', key, 'a', 'o')
  local last = tonumber(known[1]) + keep
  if tonumber(known[2]) > 0 then
    last = math.max(last, tonumber(redis.call('TIME')[1]) + """ + str(OPT_OUT_KEPT) + """)
  end
  expire(key, last)
end

local write = {c = conversation, m = mail, i = message, a = ack, k = mark, s = survey}
local place = 6
while ARGV[place] do
  write[ARGV[place]](place + 2)
  place = place + 2 + tonumber(ARGV[place + 1])
end
return {'ok', meta[3] or ''}
""")  # fmt: skip

# Further ARGV: seconds that all is kept, then conversations in which something is owed.
POLL: Final = script("""
if not meta[3] and ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'schema', ARGV[2], 'secret', ARGV[3], 'epoch', ARGV[4])
  meta[3] = ARGV[4]
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
local news = {}
for number = 6, #ARGV do
  local row = redis.call('HMGET', P .. 'c:' .. ARGV[number], 'a', 'h', 't')
  news[#news + 1] = {row[1] or '0', row[2] or '0', row[3] or ''}
end
local time = redis.call('TIME')
-- Who may not ask for it is not told when another server has taken the place of this one.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
return {'ok', meta[3] or '', run, time[1] .. '.' .. string.rep('0', 6 - #time[2]) .. time[2], news}
""")
