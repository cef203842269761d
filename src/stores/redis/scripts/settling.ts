/**
 * Ends reservations. Reports come in numbered batches, one at a time for an instance: one that was carried out already, but
 * whose answer was lost, is not carried out again. Keys: the instance's last number; for each report the scopes that were known
 * when it was reserved, its buckets, and the scopes of its changes.
 */
export const settling = `
local function settleOne(report)
  local id, isSuccess, scopes, reservedAt, needs = report[1], report[2] == 1, report[3], report[4], report[5]
  local first = place
  place = place + scopes
  for _, need in ipairs(needs) do
    local b = bucketAt(nextKey(), need)
    b.kind.settle(b, need[7], need[8], need[9], need, need[10], id)
  end
  for n = 1, scopes do
    local c = cellAt(KEYS[first + n])
    if c then
      if c.claim == id then
        c.claim, c.claimEnds, freed = '', 0, true
        keep(c)
      end
      if isSuccess and succeeded(c, reservedAt) then touch(first + n, c, true) end
    end
  end
  changeAll(report[6])
end

local function keysOf(report)
  return report[3] + #report[5] + #report[6]
end

-- What the server does not know of: bucket, amount, how many milliseconds ago, and of a place who holds it for how long.
local function chargeAll(list)
  for _, asked in ipairs(list) do
    local b = bucketAt(nextKey(), asked)
    b.kind.charge(b, asked[7], asked, now - asked[8], asked[9], asked[10])
  end
end

function settleAll(batch)
  local last = nextKey()
  if tonumber(call('GET', last) or 0) >= batch.n then
    place = place + #batch.x
    for _, report in ipairs(batch.r) do place = place + keysOf(report) end
    return
  end
  chargeAll(batch.x)
  for _, report in ipairs(batch.r) do settleOne(report) end
  call('SET', last, batch.n, 'PX', 86400000)
end
`;
