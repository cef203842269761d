/**
 * Reserves for the first candidate that no rest covers and whose every bucket has room. Its keys: for each candidate its
 * scopes, then its buckets. A need is a bucket's kind, limit, guard and window or edges, the amount, and the amount by which to
 * say when it is ready again.
 */
export const reserving = `
local function at(wait)
  if wait == RELEASE then return RELEASE end
  return wait >= NEVER and NEVER or now + wait
end

local function refusedByScope(first, scopes, isProbe)
  cellsAt(first + 1, first + scopes)
  for n = 1, scopes do
    local c = cellAt(KEYS[first + n])
    if c and c.ends > now and not (isProbe and mayEndEarly(c.source) and c.claim == '') then
      return { 1, n - 1, c.ends, c.source, c.reason }
    end
  end
end

local function refusedByBucket(first, needs)
  for n, need in ipairs(needs) do
    local b = bucketAt(KEYS[first + n], need)
    local wait = b.kind.wait(b, need[7], need)
    if wait ~= 0 then
      local blocked = { 2, n - 1, at(wait) }
      if need[7] > 1 and wait ~= RELEASE then blocked[4] = at(b.kind.wait(b, 1, need)) end
      return blocked
    end
  end
end

local function take(index, first, candidate, asked)
  local id, expiresAt, dry = asked.i, now + asked.l, asked.d
  local scopes, needs = candidate[1], candidate[2]
  local used, tickets, known, ready = {}, {}, {}, 0
  for n = 1, scopes do
    local c = cellAt(KEYS[first + n])
    if c then
      known[#known + 1] = n - 1
      if asked.p and not dry and c.ends > now then
        c.claim, c.claimEnds = id, expiresAt
        keep(c)
      end
    end
  end
  first = first + scopes
  for n, need in ipairs(needs) do
    local b = bucketAt(KEYS[first + n], need)
    if not dry then tickets[n] = b.kind.take(b, need[7], need, id, expiresAt) end
    used[n] = b.kind.used(b, need)
  end
  for n, need in ipairs(dry and {} or needs) do
    local b = opened[KEYS[first + n]]
    ready = max(ready, b.kind.wait(b, need[8], need))
  end
  return { index, ready, used, tickets, known }
end

function reserve(asked)
  local blocked = {}
  for index, candidate in ipairs(asked.c) do
    local first, scopes, needs = place, candidate[1], candidate[2]
    place = first + scopes + #needs
    local refused = refusedByScope(first, scopes, asked.p) or refusedByBucket(first + scopes, needs)
    if not refused then return take(index - 1, first, candidate, asked), nil end
    blocked[index] = refused
  end
  return nil, blocked
end
`;
