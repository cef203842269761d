/**
 * Reserves for the first candidate that no cooldown covers and whose every bucket has room. Candidates stand one after the other in
 * one list, since tables are dear: how many scopes and how many needs there are, the places of the scopes, and for each need the
 * places of its bucket and of what is said of it, the amount, and the amount by which to say when it is ready again. So do
 * questions: number, how long the lease lasts, purpose (1: a probe, and 2 more where nothing is to be taken), how many
 * candidates, and where these begin. The answer is flat: the candidate, when it is ready again, for each need what is used and the
 * ticket, and then which of its scopes have a record; last, where there are any, what refused the candidates before.
 */
export const reserving = `
local known = request.k

-- Filled anew for each answer: a table that grows costs more than what is in it.
local numbers, count = {}, 0
local patterns = {}

-- As JSON. What writes all kinds of numbers takes three times as long as what writes whole ones.
local function textOfNumbers()
  for n = 1, count do
    if numbers[n] % 1 ~= 0 or numbers[n] > NEVER then
      return string.sub(cjson.encode({ spread(numbers, 1, count) }), 1, -2)
    end
  end
  local pattern = patterns[count]
  if not pattern then
    pattern = '[' .. string.rep('%d,', count - 1) .. '%d'
    patterns[count] = pattern
  end
  return string.format(pattern, spread(numbers, 1, count))
end

local function at(wait)
  if wait == RELEASE then return RELEASE end
  return wait >= NEVER and NEVER or now + wait
end

local function refusedByScope(candidate, isProbe)
  for n = candidate + 2, candidate + 1 + known[candidate] do
    local c = cellAt(known[n])
    if c and c.ends > now and not (isProbe and mayEndEarly(c.source) and c.claim == '') then
      return { 1, n - candidate - 2, c.ends, c.source, c.reason }
    end
  end
end

-- Where its needs begin, and the last of them.
local function needsOf(candidate)
  local first = candidate + 2 + known[candidate]
  return first, first + 4 * known[candidate + 1] - 4
end

local function refusedByBucket(candidate)
  local first, last = needsOf(candidate)
  for n = first, last, 4 do
    local b, spec = bucketAt(known[n], known[n + 1])
    local amount = known[n + 2]
    local wait = b.kind.wait(b, amount, spec)
    if wait ~= 0 then
      local blocked = { 2, (n - first) / 4, at(wait) }
      if amount > 1 and wait ~= RELEASE then blocked[4] = at(b.kind.wait(b, 1, spec)) end
      return blocked
    end
  end
end

local function claim(candidate, number, expiresAt)
  for n = candidate + 2, candidate + 1 + known[candidate] do
    local c = cellAt(known[n])
    if c and c.ends > now then
      c.claim, c.claimEnds = named(number), expiresAt
      keep(c)
    end
  end
end

-- Leaves its answer in the numbers.
local function take(index, candidate, number, leaseMs, purpose)
  local expiresAt, dry = now + leaseMs, purpose >= 2
  local first, last = needsOf(candidate)
  local ready, length = 0, 2
  if purpose == 1 then claim(candidate, number, expiresAt) end
  for n = first, last, 4 do
    local b, spec = opened[known[n]], request.p[known[n + 1]]
    local kind = b.kind
    local ticket = dry and 0 or kind.take(b, known[n + 2], spec, number, expiresAt)
    numbers[length + 1], numbers[length + 2] = kind.plain and b.used or kind.used(b, spec), ticket
    length = length + 2
  end
  for n = first, dry and 0 or last, 4 do
    local b, amount = opened[known[n]], known[n + 3]
    if not b.kind.plain or b.used + amount > b.spec[2] then ready = max(ready, b.kind.wait(b, amount, b.spec)) end
  end
  numbers[1], numbers[2] = index, ready
  for n = candidate + 2, first - 1 do
    if cells[known[n]] then
      length = length + 1
      numbers[length] = n - candidate - 2
    end
  end
  count = length
end

local function reserve(asked, from)
  local blocked = {}
  local number, leaseMs, purpose = asked[from], asked[from + 1], asked[from + 2]
  for n = 1, asked[from + 3] do
    local candidate = asked[from + 3 + n]
    local refused = refusedByScope(candidate, purpose % 2 == 1) or refusedByBucket(candidate)
    if not refused then
      take(n - 1, candidate, number, leaseMs, purpose)
      local granted = textOfNumbers()
      return n == 1 and granted .. ']' or granted .. ',' .. cjson.encode(blocked) .. ']'
    end
    blocked[n] = refused
  end
  return cjson.encode(blocked)
end

-- Their text.
function reserveAll(asked)
  local answers, from = {}, 1
  while from < #asked do
    answers[#answers + 1] = reserve(asked, from)
    from = from + 4 + asked[from + 3]
  end
  return '[' .. table.concat(answers, ',') .. ']'
end
`;
