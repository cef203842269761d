/**
 * A rolling window's log as one string: a header of six doubles (first and next entry's number, amount in use, amount to be
 * charged at the next look, end of the key's time to live, a time before which no entry is free), the youngest entry and three
 * doubles that are no longer used, then a ring of the others. An entry is five doubles: amount, first and last reservation, how many have no answer
 * yet, longest known delay. A decision reads the header
 * and the oldest entry, whatever the log's length. Entries are numbered from the time the log began and at most one a millisecond, so the numbers of a log
 * that was lost are below those of the next one, and what is settled late finds nobody else's entry.
 */
export const rolling = `
local function rollingKind()
  -- Plain: once something was taken, what is used stands in the bucket, and what fits need not wait.
  local rolling = { plain = true }

  local HEADER, ENTRY, ROOM, GRAIN = 112, 40, 128, 0.01

  -- Tables are made at their full size: to let them grow costs as much as all the rest.
  function rolling.open(key, spec)
    local header = call('GETRANGE', key, '0', '95')
    if #header < 96 then
      return { key = key, kind = rolling, spec = spec, dirty = false, ring = false, head = now + 2, tail = now + 2, used = 0,
        overrun = 0, lives = 0, free = NEVER, looked = 0, raw = false,
        young = { amount = 0, first = 0, last = 0, pending = 0, delay = 0, changed = false } }
    end
    local head, tail, used, overrun, lives, free, amount, first, last, pending, delay =
      unpack('<ddddddddddd', header)
    return { key = key, kind = rolling, spec = spec, dirty = false, ring = false, head = head, tail = tail, used = used,
      overrun = overrun, lives = lives, free = free, looked = 0, raw = false,
      young = { amount = amount, first = first, last = last, pending = pending, delay = delay, changed = false } }
  end

  local function entryOf(b, n)
    if n == b.tail - 1 then return b.young end
    local ring = b.ring
    if not ring then
      ring = {}
      b.ring = ring
    end
    local e = ring[n]
    if e then return e end
    local at = HEADER + (n % ROOM) * ENTRY
    b.looked = b.looked + 1
    -- Who looks at several looks at many.
    if b.looked == 4 then b.raw = call('GETRANGE', b.key, 0, -1) end
    local amount, first, last, pending, delay
    if b.raw then amount, first, last, pending, delay = unpack('<ddddd', b.raw, at + 1)
    else amount, first, last, pending, delay = unpack('<ddddd', call('GETRANGE', b.key, at, at + ENTRY - 1)) end
    e = { amount = amount, first = first, last = last, pending = pending, delay = delay, changed = false }
    ring[n] = e
    return e
  end

  local function freeAt(e, spec)
    local delay = e.delay
    if e.pending > 0 then delay = max(delay, spec[3]) end
    return e.last + spec[4] + delay
  end

  local function append(b, amount, at, pending, delay)
    b.dirty = true
    local young, n = b.young, b.tail
    if n - b.head >= ROOM then
      -- Full: the youngest entry takes it in, and what was in it is held longer.
      young.amount, young.last = young.amount + amount, max(young.last, at)
      young.pending, young.delay = young.pending + pending, max(young.delay, delay)
      return n - 1
    end
    if n > b.head then
      -- The youngest entry is kept with the header; the one before it goes into the ring now.
      young.changed = true
      b.ring = b.ring or {}
      b.ring[n - 1] = young
    else b.free = at + b.spec[4] + delay end
    b.young = { amount = amount, first = at, last = at, pending = pending, delay = delay, changed = false }
    b.tail = n + 1
    return n
  end

  local function forget(b, spec)
    if now < b.free and b.overrun <= 0 then return end
    b.free = NEVER
    while b.head < b.tail do
      local e = entryOf(b, b.head)
      if freeAt(e, spec) > now then
        -- An answer that comes may free it earlier than its guard does.
        b.free = e.last + spec[4] + e.delay
        break
      end
      b.used = b.used - e.amount
      e.changed = false
      b.head = b.head + 1
      b.dirty = true
    end
    if b.head == b.tail then b.used = 0 end
    if b.overrun > 0 then
      b.used = b.used + b.overrun
      append(b, b.overrun, stamp, 0, 0)
      b.overrun = 0
    end
  end

  function rolling.wait(b, amount, spec)
    forget(b, spec)
    local over = b.used + amount - spec[2]
    if over <= 0 then return 0 end
    if amount > spec[2] then return NEVER end
    local given, at = 0, now
    local n = b.head
    while n < b.tail and given < over do
      local e = entryOf(b, n)
      given = given + e.amount
      at = max(at, freeAt(e, spec))
      n = n + 1
    end
    return max(at - now, 1)
  end

  function rolling.take(b, amount, spec)
    b.used = b.used + amount
    b.dirty = true
    local n, e = b.tail - 1, b.young
    if n >= b.head and stamp - e.first < spec[4] * GRAIN then
      e.amount, e.last, e.pending = e.amount + amount, max(e.last, stamp), e.pending + 1
      return n
    end
    return append(b, amount, stamp, 1, 0)
  end

  -- What was taken elsewhere, so many milliseconds ago.
  function rolling.charge(b, amount, spec, at)
    if at + spec[4] + spec[3] <= now then return end
    b.used = b.used + amount
    append(b, amount, at, 0, spec[3])
  end

  -- So many of an entry's reservations were charged the right amount; the provider had counted by then at the latest.
  function rolling.answered(b, n, count, delay)
    if n >= b.tail or n < b.head then return end
    local e = entryOf(b, n)
    e.pending, e.delay = max(e.pending - count, 0), max(e.delay, delay)
    e.changed, b.dirty = true, true
  end

  function rolling.settle(b, n, change, delay, spec)
    if change == 0 then return rolling.answered(b, n, 1, delay) end
    if n >= b.tail then return end
    if n < b.head or (change > 0 and freeAt(entryOf(b, n), spec) <= now) then
      -- The answer outlived its window: what it used beyond the estimate counts from now on.
      if change > 0 then b.overrun, b.dirty = b.overrun + change, true end
      return
    end
    local e = entryOf(b, n)
    e.amount, b.used = e.amount + change, b.used + change
    rolling.answered(b, n, 1, delay)
  end

  function rolling.raise(b, used, spec)
    forget(b, spec)
    local more = used - b.used
    if more <= 0 then return end
    b.used = used
    append(b, more, stamp, 0, 0)
  end

  function rolling.used(b, spec)
    forget(b, spec)
    return b.used
  end

  function rolling.reset(b, spec)
    forget(b, spec)
    if b.head == b.tail then return RELEASE end
    return freeAt(entryOf(b, b.head), spec) - now
  end

  function rolling.write(b, spec)
    local wanted = now + spec[4] + spec[3] + 10000
    local renews = b.lives < wanted
    if renews then b.lives = wanted + 60000 end
    local y = b.young
    call('SETRANGE', b.key, '0', pack('<dddddddddddd', b.head, b.tail, b.used, b.overrun, b.lives, b.free,
      y.amount, y.first, y.last, y.pending, y.delay, 0))
    for n, e in pairs(b.ring or {}) do
      if e.changed and n >= b.head then
        call('SETRANGE', b.key, HEADER + (n % ROOM) * ENTRY, pack('<ddddd', e.amount, e.first, e.last, e.pending, e.delay))
      end
    end
    if renews then call('PEXPIRE', b.key, ttl(b.lives - now)) end
  end
  return rolling
end
`;
