/**
 * What is remembered of a scope, as one string: four doubles (end, start, strikes, end of a probe's claim), the source's number,
 * the claiming reservation, a line break, and the reason. It outlives the cooldown by a day, for the consecutive failures. Sources: 1
 * authoritative, 2 heuristic, 3 credit, 4 operator.
 */
export const cooldowns = String.raw`
local KEPT = 24 * 3600000
local cells = {}

local function parsed(place, raw)
  local c = { place = place }
  c.ends, c.started, c.strikes, c.claimEnds, c.source = unpack('<ddddB', raw)
  local cut = string.find(raw, '\n', 34, true)
  c.claim, c.reason = string.sub(raw, 34, cut - 1), string.sub(raw, cut + 1)
  if c.claimEnds <= now then c.claim = '' end
  return c
end

local function cellAt(place)
  local c = cells[place]
  if c == nil then
    local raw = stored[place]
    c = raw and parsed(place, raw) or false
    cells[place] = c
  end
  return c
end

local function keep(c)
  cells[c.place] = c
  local raw = pack('<ddddB', c.ends, c.started, c.strikes, c.claimEnds, c.source) .. c.claim .. '\n' .. c.reason
  if c.ends >= NEVER then call('SET', storedKey(c.place), raw)
  else call('SET', storedKey(c.place), raw, 'PX', ttl(max(c.ends - now, 0) + KEPT)) end
end

-- Guesses and credit may be proved wrong before their end; what a provider or an operator said stands.
local function mayEndEarly(source)
  return source == 2 or source == 3
end
`;
