local P = ARGV[1]
local meta = redis.call('HMGET', KEYS[1], 'schema', 'secret', 'epoch')
if meta[1] and tonumber(meta[1]) > tonumber(ARGV[2]) then return {'schema', meta[1]} end
if meta[2] and meta[2] ~= ARGV[3] then return {'secret', ''} end
local function expire(key, at)
  redis.call('EXPIREAT', key, math.ceil(at))
end

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
  for number = 2, #mails - 100 do
    redis.call('HDEL', key, mails[number][2])
  end
end

local function mail(at)
  local id, name, packed, time = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local key = P .. 'c:' .. id
  redis.call('SET', P .. 'k:' .. name, 'r' .. id)
  expire(P .. 'k:' .. name, time + keep)
  redis.call('HSET', key, 'i' .. name, packed)
  if redis.call('HLEN', key) > 160 then thin_out(key) end
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
  if redis.call('HLEN', key) > 200 then
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

local write = {c = conversation, m = mail, i = message, a = ack, k = mark}
local place = 6
while ARGV[place] do
  write[ARGV[place]](place + 2)
  place = place + 2 + tonumber(ARGV[place + 1])
end
return {'ok', meta[3] or ''}
