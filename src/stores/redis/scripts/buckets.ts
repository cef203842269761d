/** The buckets this call has to do with, read once each and written at its end. What a kind needs is defined when it is met. */
export const buckets = `
local makers = { rollingKind, calendarKind, anchoredKind, concurrencyKind }
local kinds = {}
local opened = {}

local function bucketAt(key, spec)
  local b = opened[key]
  if not b then
    local kind = kinds[spec[1]]
    if not kind then
      kind = makers[spec[1]]()
      kinds[spec[1]] = kind
    end
    b = kind.open(key)
    b.kind = kind
    opened[key] = b
  end
  b.spec = spec
  return b
end

local function writeAll()
  for _, b in pairs(opened) do
    if b.dirty then b.kind.write(b, b.spec) end
  end
end
`;
