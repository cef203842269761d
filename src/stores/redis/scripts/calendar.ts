/**
 * Counts of the calendar window that holds now and of its neighbours, as one string of eight doubles; the last one is no
 * longer used, and 0. Its boundaries come with every question; the server's clock decides between them.
 */
export const calendar = `
local function calendarKind()
  local calendar = {}

  function calendar.open(key, spec)
    local raw = call('GET', key)
    local b = { key = key, kind = calendar, spec = spec }
    if raw then
      b.startBefore, b.lastAt, b.start, b.ends, b.before, b.current, b.after = unpack('<ddddddd', raw)
    else
      b.startBefore, b.lastAt, b.start, b.ends, b.before, b.current, b.after = 0, 0, 0, 0, 0, 0, 0
    end
    return b
  end

  -- Edges may be older than two windows; then the window that holds now began somewhen after them, and has no known end.
  local function nextWindow(start, ends, nextEnd)
    if now < ends then return start, ends end
    if now < nextEnd then return ends, nextEnd end
    return nextEnd, NEVER
  end

  local function turn(b, spec)
    local start, ends, nextEnd, guard = spec[4], spec[5], spec[6], spec[3]
    if b.ends == NEVER and now < nextEnd then
      -- The edges are known again. What was counted meanwhile may be of this window, unless all of it is older.
      if now < ends then b.start, b.ends = start, ends else b.start, b.ends = ends, nextEnd end
      if b.lastAt < b.start - guard then b.current = 0 end
      b.dirty = true
    end
    -- A clock set back keeps the count: giving a window's quota out twice is worse than waiting.
    if now < b.ends then return end
    local nextStart, nextEnds = nextWindow(start, ends, nextEnd)
    if nextStart == b.start then return end
    local follows = b.ends == nextStart
    b.startBefore = follows and b.start or b.ends
    b.before = follows and b.current or 0
    b.current = follows and b.after or 0
    b.after, b.start, b.ends, b.dirty = 0, nextStart, nextEnds, true
  end

  local function endAfter(b)
    return b.ends == NEVER and now or b.ends
  end

  local function charge(b, amount, guard, at)
    if at >= b.start and at < b.ends then
      b.current = b.current + amount
      if at >= b.ends - guard then b.after = b.after + amount end
      if at < b.start + guard then b.before = b.before + amount end
    elseif at < b.start and at >= b.startBefore then
      b.before = b.before + amount
      if at >= b.start - guard then b.current = b.current + amount end
    end
    b.dirty = true
  end

  function calendar.wait(b, amount, spec)
    turn(b, spec)
    local guard, room = spec[3], spec[2] - amount
    if room < 0 then return NEVER end
    -- Full: this window counts as the one before until the guard behind its end has passed.
    if b.current > room or (now >= b.ends - guard and b.after > room) then
      return max(1, endAfter(b) + guard - now)
    end
    if now < b.start + guard and b.before > room then return b.start + guard - now end
    return 0
  end

  function calendar.take(b, amount, spec)
    charge(b, amount, spec[3], now)
    b.lastAt = now
    return now
  end

  function calendar.charge(b, amount, spec, at)
    turn(b, spec)
    charge(b, amount, spec[3], at)
    b.lastAt = max(b.lastAt, at)
  end

  function calendar.settle(b, at, change, _, spec)
    if change ~= 0 then charge(b, change, spec[3], at) end
  end

  function calendar.raise(b, used, spec)
    turn(b, spec)
    if used > b.current then calendar.take(b, used - b.current, spec) end
  end

  function calendar.used(b, spec)
    turn(b, spec)
    return b.current
  end

  function calendar.reset(b, spec)
    turn(b, spec)
    if b.current == 0 then return RELEASE end
    return endAfter(b) - now
  end

  function calendar.write(b, spec)
    -- What was charged to the next window too counts to its end. Months differ by a tenth, and so do days.
    local lives = b.ends == NEVER and 32 * 86400000 or (b.ends - now) + 1.2 * (b.ends - b.start)
    local raw = pack('<dddddddd', b.startBefore, b.lastAt, b.start, b.ends, b.before, b.current, b.after, 0)
    call('SET', b.key, raw, 'PX', ttl(lives + spec[3] + 60000))
  end
  return calendar
end
`;
