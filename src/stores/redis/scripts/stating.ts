/**
 * A limit that a provider stated, as three doubles behind those of its bucket: until when it holds, itself, and when the request
 * was reserved that was told so. Buckets of which nothing is stated pay for the first alone.
 */
export const stating = `
-- Until it ends, its bucket waits as if there were no more; and what is not stated counts as used by somebody else.
local function heed(b, raw, from)
  b.stated, b.statedAt = unpack('<dd', raw, from)
  local kind = b.kind
  local function wait(_, amount, spec)
    if b.stated >= spec[2] or amount > spec[2] then return kind.wait(b, amount, spec) end
    local lower = { spec[1], b.stated, spec[3], spec[4], spec[5], spec[6] }
    -- More than was stated waits until all of it is free.
    return min(kind.wait(b, min(amount, max(b.stated, 1)), lower), b.statedUntil - now)
  end
  local function used(_, spec)
    return kind.used(b, spec) + max(spec[2] - b.stated, 0)
  end
  b.kind = setmetatable({ plain = false, wait = wait, used = used }, { __index = kind })
end
`;
