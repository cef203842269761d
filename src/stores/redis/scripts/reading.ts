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

-- An instance that gave no sign of life for so long is none. The second result tells whether an older copy of the data took
-- its place: the sign of life is missing that this instance gave last, in the same epoch.
function beat(asked, epoch)
  local key, own, deadAfter, last = KEYS[asked[1]], request.i, asked[2], asked[4]
  local lives, joined, lastSeen = {}, now, nil
  local all = call('HGETALL', key)
  for n = 1, #all, 2 do
    local since, seen = string.match(all[n + 1], '^(%d+) (%d+)$')
    if all[n] == own then joined, lastSeen = tonumber(since), tonumber(seen)
    elseif tonumber(seen) + deadAfter < now then call('HDEL', key, all[n])
    else lives[#lives + 1] = { tonumber(since), all[n] } end
  end
  local rank = 0
  for _, other in ipairs(lives) do
    if other[1] < joined or (other[1] == joined and other[2] < own) then rank = rank + 1 end
  end
  call('HSET', key, own, string.format('%d %d', joined, now))
  -- Longer than anybody lives without a sign: also after a long time without the server it tells who was known.
  call('PEXPIRE', key, 86400000)
  -- Others may have taken it for dead meanwhile.
  if not lastSeen then lastSeen = last + deadAfter < now and last or 0 end
  return { #lives + 1, rank }, asked[3] == epoch and lastSeen < last
end
`;
