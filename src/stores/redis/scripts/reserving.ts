/**
 * Reserves for the first candidate that no rest covers and whose every bucket has room. A candidate is how many scopes it has,
 * their places, and for each need the places of its bucket and of what is said of it, the amount, and the amount by which to say
 * when it is ready again. A question is its number, how long the lease lasts, its purpose (1: a probe, and 2 more where
 * nothing is to be taken), and the places of its candidates. The answer is flat: the candidate, when it is ready again, for each need what is used and the ticket,
 * and then which of its scopes have a record; last, where there are any, what refused the candidates before.
 */
export const reserving = `
local function at(wait)
  if wait == RELEASE then return RELEASE end
  return wait >= NEVER and NEVER or now + wait
end

local function refusedByScope(candidate, isProbe)
  for n = 2, candidate[1] + 1 do
    local c = cellAt(candidate[n])
    if c and c.ends > now and not (isProbe and mayEndEarly(c.source) and c.claim == '') then
      return { 1, n - 2, c.ends, c.source, c.reason }
    end
  end
end

local function refusedByBucket(candidate)
  local first = candidate[1] + 2
  for n = first, #candidate, 4 do
    local b, spec = bucketAt(candidate[n], candidate[n + 1])
    local amount = candidate[n + 2]
    local wait = b.kind.wait(b, amount, spec)
    if wait ~= 0 then
      local blocked = { 2, (n - first) / 4, at(wait) }
      if amount > 1 and wait ~= RELEASE then blocked[4] = at(b.kind.wait(b, 1, spec)) end
      return blocked
    end
  end
end

local function claim(candidate, asked, expiresAt)
  for n = 2, candidate[1] + 1 do
    local c = cellAt(candidate[n])
    if c and c.ends > now then
      c.claim, c.claimEnds = named(asked[1]), expiresAt
      keep(c)
    end
  end
end

local function take(index, candidate, asked)
  local expiresAt, dry, first = now + asked[2], asked[3] >= 2, candidate[1] + 2
  local granted, ready, length = { index, 0 }, 0, 2
  if asked[3] == 1 then claim(candidate, asked, expiresAt) end
  for n = first, #candidate, 4 do
    local b, spec = opened[candidate[n]], request.p[candidate[n + 1]]
    local ticket = dry and 0 or b.kind.take(b, candidate[n + 2], spec, asked[1], expiresAt)
    granted[length + 1], granted[length + 2] = b.kind.used(b, spec), ticket
    length = length + 2
  end
  for n = first, dry and 0 or #candidate, 4 do
    local b = opened[candidate[n]]
    ready = max(ready, b.kind.wait(b, candidate[n + 3], b.spec))
  end
  granted[2] = ready
  for n = 2, first - 1 do
    if cellAt(candidate[n]) then
      length = length + 1
      granted[length] = n - 2
    end
  end
  return granted
end

local function reserve(asked)
  local blocked = {}
  for n = 4, #asked do
    local candidate = request.k[asked[n]]
    local refused = refusedByScope(candidate, asked[3] % 2 == 1) or refusedByBucket(candidate)
    if not refused then
      local granted = take(n - 4, candidate, asked)
      if n > 4 then granted[#granted + 1] = blocked end
      return granted
    end
    blocked[n - 3] = refused
  end
  return blocked
end

function reserveAll(list)
  local answers = {}
  for n, asked in ipairs(list) do answers[n] = reserve(asked) end
  return answers
end
`;
