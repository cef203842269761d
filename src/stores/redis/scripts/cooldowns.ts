/**
 * What is remembered of a scope, as one string: four doubles (end, start, strikes, end of a probe's claim), the source's number,
 * the claiming reservation, a line break, and the reason. It outlives the rest by a day, for the strikes. Sources: 1
 * authoritative, 2 heuristic, 3 credit, 4 operator.
 */
export const cooldowns = String.raw`
local KEPT = 24 * 3600000
local cells = {}

local function parsed(key, raw)
  local c = { key = key }
  c.ends, c.started, c.strikes, c.claimEnds, c.source = unpack('<ddddB', raw)
  local cut = string.find(raw, '\n', 34, true)
  c.claim, c.reason = string.sub(raw, 34, cut - 1), string.sub(raw, cut + 1)
  if c.claimEnds <= now then c.claim = '' end
  return c
end

local function cellAt(key)
  local c = cells[key]
  if c == nil then
    local raw = call('GET', key)
    c = raw and parsed(key, raw) or false
    cells[key] = c
  end
  return c
end

-- Many at once cost little more than one.
local function cellsAt(first, last)
  if last <= first or cells[KEYS[first]] ~= nil then return end
  for n, raw in ipairs(call('MGET', spread(KEYS, first, last))) do
    local key = KEYS[first + n - 1]
    if cells[key] == nil then cells[key] = raw and parsed(key, raw) or false end
  end
end

local function keep(c)
  cells[c.key] = c
  local raw = pack('<ddddB', c.ends, c.started, c.strikes, c.claimEnds, c.source) .. c.claim .. '\n' .. c.reason
  if c.ends >= NEVER then call('SET', c.key, raw)
  else call('SET', c.key, raw, 'PX', ttl(max(c.ends - now, 0) + KEPT)) end
end

-- Guesses and credit may be proved wrong before their end; what a provider or an operator said stands.
local function mayEndEarly(source)
  return source == 2 or source == 3
end
`;
