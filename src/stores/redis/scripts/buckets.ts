/**
 * The buckets this call has to do with, by the place of their key: read once each and written at its end. What a kind needs is
 * defined when it is met.
 */
export const buckets = `
local makers = { rollingKind, calendarKind, anchoredKind, concurrencyKind }
local kinds = {}
local opened = {}

-- With what the client says of it: kind, limit, guard, then window or edges.
local function bucketAt(place, specPlace)
  local spec = request.p[specPlace]
  local b = opened[place]
  if not b then
    local kind = kinds[spec[1]]
    if not kind then
      kind = makers[spec[1]]()
      kinds[spec[1]] = kind
    end
    b = kind.open(KEYS[place], spec)
    opened[place] = b
  end
  return b, spec
end

local function writeAll()
  for _, b in pairs(opened) do
    if b.dirty then b.kind.write(b, b.spec) end
  end
end
`;
