/** What changes cooldowns, by the same rules as a memory store. */
export const changing = `
local function extend(c, place, forMs, source, reason, strikes)
  local ends = forMs >= NEVER and NEVER or now + math.ceil(forMs)
  if not c or c.ends <= now then
    local claim, claimEnds = '', 0
    if c then claim, claimEnds = c.claim, c.claimEnds end
    keep({ place = place, ends = ends, started = now, strikes = strikes, source = source, reason = reason, claim = claim, claimEnds = claimEnds })
    return true
  end
  local climbed = strikes ~= c.strikes
  if ends <= c.ends and not climbed then return false end
  -- A step up is a cooldown of its own: what was under way when it was taken does not take another.
  if climbed then c.started, c.strikes = now, strikes end
  if ends > c.ends then
    -- A longer guess does not loosen what a provider or an operator said.
    if not mayEndEarly(source) or mayEndEarly(c.source) then c.source = source end
    c.ends, c.reason = ends, reason
  end
  keep(c)
  return true
end

local function finish(c, by)
  if not c or (c.ends <= now and c.strikes == 0) then return false end
  if by ~= 4 and not mayEndEarly(c.source) then return false end
  c.ends, c.strikes = min(c.ends, now), 0
  keep(c)
  return true
end

-- A change is the place of its scope, its kind, its source and its reason, and for a cooldown its length, for a step of a backoff schedule
-- the first step, factor, longest step, spread, and when the attempt began.
local function change(asked)
  local place, kind, source, reason = asked[1], asked[2], asked[3], asked[4]
  local c = cellAt(place)
  if kind == 'e' then return finish(c, source) end
  local strikes = c and c.strikes or 0
  if kind == 'f' then return extend(c, place, asked[5], source, reason, strikes) end
  -- A failure that was under way when the cooldown began tells nothing new.
  if c and asked[9] <= c.started then return false end
  local step = min(asked[5] * asked[6] ^ strikes, asked[7]) * asked[8]
  return extend(c, place, step, source, reason, strikes + 1)
end

-- One that began before the cooldown did proves nothing about it.
local function succeeded(c, reservedAt)
  if reservedAt <= c.started then return false end
  if c.ends <= now then
    if c.strikes == 0 then return false end
  elseif not mayEndEarly(c.source) then return false
  else c.ends = now end
  c.strikes = 0
  keep(c)
  return true
end

-- Whose doing it was: the number of the report, 0 for none.
local function touch(by, c, hasChanged)
  touched[#touched + 1] = { by, c.place, c.ends, c.started, c.strikes, c.source, c.reason }
  if not hasChanged then return end
  tell({ c.ends > now and 'c' or 'f', storedKey(c.place), now, c.ends, c.started, c.strikes, c.source, c.reason })
end

function changeAll(list, by)
  for _, asked in ipairs(list) do
    local hasChanged = change(asked)
    local c = cellAt(asked[1])
    if c then touch(by, c, hasChanged) end
  end
end
`;
