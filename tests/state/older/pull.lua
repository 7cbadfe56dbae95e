local P = ARGV[1]
local meta = redis.call('HMGET', KEYS[1], 'schema', 'secret', 'epoch')
if meta[1] and tonumber(meta[1]) > tonumber(ARGV[2]) then return {'schema', meta[1]} end
if meta[2] and meta[2] ~= ARGV[3] then return {'secret', ''} end
local function expire(key, at)
  redis.call('EXPIREAT', key, math.ceil(at))
end

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
  for number = 1, 4 do mark[number] = mark[number] or '0' end
end
local others = {}
if network ~= '' then
  others = redis.call('ZREVRANGEBYSCORE', P .. 'n:' .. network, '+inf', now - 3600,
                      'WITHSCORES', 'LIMIT', 0, 200)
end
return {'ok', meta[3] or '', claim, address, network, acks, others, mark, conversations}
