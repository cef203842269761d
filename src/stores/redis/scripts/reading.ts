/** Reading without taking, and the instances' signs of life. */
export const reading = `
function read(asked)
  local scopes, buckets = {}, {}
  for n, place in ipairs(asked.s) do
    local c = cellAt(place)
    if c then scopes[#scopes + 1] = { n - 1, c.ends, c.started, c.strikes, c.source, c.reason } end
  end
  for n = 1, #asked.b, 2 do
    local b, spec = bucketAt(asked.b[n], asked.b[n + 1])
    buckets[#buckets + 1] = { b.kind.used(b, spec), b.kind.reset(b, spec) }
  end
  return { scopes, buckets }
end

-- Calls met with each instance in a hash: its name, since when it is there, and its last sign of life.
local function instancesIn(key, met)
  local all = call('HGETALL', key)
  for n = 1, #all, 2 do
    local since, seen = string.match(all[n + 1], '^(%d+) (%d+)$')
    met(all[n], tonumber(since), tonumber(seen))
  end
end

-- An instance that gave no sign of life for so long is none. Those of another format than the hash have theirs before their name, and
-- a dot. Answers how many live and which of them this one is, when an instance of the format before gave its last sign, and how many
-- live of later formats. The second result tells whether an older copy of the data took its place: the sign of life is missing that
-- this instance gave last, in the same epoch.
function beat(asked, epoch)
  local key, own, deadAfter, last, olderKey = KEYS[asked[1]], request.i, asked[2], asked[4], KEYS[asked[5]]
  local format = asked[6] .. '.'
  local lives, joined, lastSeen, newer, older, isOlderAlive = {}, now, nil, 0, 0, false
  instancesIn(key, function(name, since, seen)
    if name == own then joined, lastSeen = since, seen
    elseif seen + deadAfter < now then call('HDEL', key, name)
    elseif string.find(name, '.', 1, true) then
      newer = newer + 1
      lives[#lives + 1] = { since, name }
    else lives[#lives + 1] = { since, format .. name } end
  end)
  instancesIn(olderKey, function(name, since, seen)
    if string.find(name, '.', 1, true) then return end
    older = max(older, seen)
    if seen + deadAfter < now then return end
    isOlderAlive = true
    lives[#lives + 1] = { since, name }
  end)
  local rank = 0
  for _, other in ipairs(lives) do
    if other[1] < joined or (other[1] == joined and other[2] < format .. own) then rank = rank + 1 end
  end
  local sign = string.format('%d %d', joined, now)
  call('HSET', key, own, sign)
  -- Longer than anybody lives without a sign: also after a long time without the server it tells who was known.
  call('PEXPIRE', key, 86400000)
  -- Those of the format before divide by all in an outage.
  if isOlderAlive then call('HSET', olderKey, format .. own, sign) end
  -- As long as the longest window holds what they took.
  if older > 0 then call('PEXPIREAT', olderKey, older + 32 * 86400000) end
  -- Others may have taken it for dead meanwhile.
  if not lastSeen then lastSeen = last + deadAfter < now and last or 0 end
  return { #lives + 1, rank, older, newer }, asked[3] == epoch and lastSeen < last
end
`;
