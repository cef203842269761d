/**
 * Ends reservations. Reports come in numbered batches, one at a time for an instance: one that was carried out already, but
 * whose answer was lost, is not carried out again. A batch is its number, what is to be charged, what answers say of rolling
 * windows and no more, what buckets are said to have used at least, if anything, and before it the other reports: which of the batch it is, the reservation's number, 1 for a success, when it was
 * reserved, the scopes that were known then, its buckets, and its changes.
 */
export const settling = `
local function settleOne(report)
  local by, number, isSuccess, reservedAt = report[1], report[2], report[3] == 1, report[4]
  local scopes, needs = report[5], report[6]
  for n = 1, #needs, 6 do
    local b, spec = bucketAt(needs[n], needs[n + 1])
    b.kind.settle(b, needs[n + 2], needs[n + 3], needs[n + 4], spec, needs[n + 5], number)
  end
  for _, place in ipairs(scopes) do
    local c = cellAt(place)
    if c then
      if c.claim ~= '' and c.claim == named(number) then
        c.claim, c.claimEnds, freed = '', 0, true
        keep(c)
      end
      if isSuccess and succeeded(c, reservedAt) then touch(by, c, true) end
    end
  end
  changeAll(report[7], by)
end

-- What the server does not know of: the places of a bucket and of what is said of it, an amount, how many milliseconds ago,
-- and of a permit under way who holds it for how long.
local function chargeAll(list)
  for _, asked in ipairs(list) do
    local b, spec = bucketAt(asked[1], asked[2])
    b.kind.charge(b, asked[3], spec, now - asked[4], asked[5], asked[6])
  end
end

function settleAll(batch)
  if tonumber(stored[2] or 0) >= batch[1] then return end
  call('SET', storedKey(2), batch[1], 'PX', 86400000)
  chargeAll(batch[2])
  local answered = batch[3]
  for n = 1, #answered, 5 do
    local b = bucketAt(answered[n], answered[n + 1])
    b.kind.answered(b, answered[n + 2], answered[n + 3], answered[n + 4])
  end
  for _, report in ipairs(batch[4]) do settleOne(report) end
  local raised = batch[5] or {}
  for n = 1, #raised, 3 do
    local b, spec = bucketAt(raised[n], raised[n + 1])
    b.kind.raise(b, raised[n + 2], spec)
  end
end
`;
