/**
 * Keeps leases from ending: of each reservation its number, how long its lease lasts from now, its permits as places of a bucket and
 * of what is said of it with their amount, and the scopes that its probe claimed. What has ended stays so.
 */
export const renewing = `
function renewAll(list)
  for _, held in ipairs(list) do
    local number, untilAt, permits = held[1], now + held[2], held[3]
    for n = 1, #permits, 3 do
      local b = bucketAt(permits[n], permits[n + 1])
      b.kind.renew(b, permits[n + 2], number, untilAt)
    end
    for _, place in ipairs(held[4]) do
      local c = cellAt(place)
      if c and c.claim ~= '' and c.claim == named(number) then
        c.claimEnds = untilAt
        keep(c)
      end
    end
  end
end
`;
