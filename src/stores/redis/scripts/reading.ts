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

-- An instance that gave no sign of life for so long is none.
function beat(asked)
  local key, own, deadAfter = KEYS[asked[1]], request.i, asked[2]
  local lives, joined = {}, now
  local all = call('HGETALL', key)
  for n = 1, #all, 2 do
    local since, seen = string.match(all[n + 1], '^(%d+) (%d+)$')
    if all[n] == own then joined = tonumber(since)
    elseif tonumber(seen) + deadAfter < now then call('HDEL', key, all[n])
    else lives[#lives + 1] = { tonumber(since), all[n] } end
  end
  local rank = 0
  for _, other in ipairs(lives) do
    if other[1] < joined or (other[1] == joined and other[2] < own) then rank = rank + 1 end
  end
  call('HSET', key, own, string.format('%d %d', joined, now))
  call('PEXPIRE', key, deadAfter * 4)
  return { #lives + 1, rank }
end
`;
