/**
 * A window that starts at the first use after the last one ended, as one string of nine doubles; the last one is no longer
 * used, and 0. Where that use turns out not to have counted, it is known only between which two times the provider's window began.
 */
export const anchored = `
local function anchoredKind()
  local anchored = {}

  function anchored.open(key, spec)
    local raw = call('GET', key)
    local b = { key = key, kind = anchored, spec = spec }
    if raw then
      b.opened, b.earliest, b.latest, b.second, b.last, b.counted, b.uses, b.amount = unpack('<dddddddd', raw)
    else
      b.opened, b.earliest, b.latest, b.second, b.last, b.counted, b.uses, b.amount = NONE, NONE, NONE, NONE, NONE, NEVER, 0, 0
    end
    return b
  end

  -- Until it is over for sure.
  local function left(b, spec)
    return b.latest + spec[4] + spec[3] - now
  end

  function anchored.wait(b, amount, spec)
    if amount > spec[2] then return NEVER end
    local ms = left(b, spec)
    if ms <= 0 then return 0 end
    local mayHaveEnded = now - b.earliest >= spec[4] - spec[3]
    if not mayHaveEnded and b.amount + amount <= spec[2] then return 0 end
    return ms
  end

  local function use(b, amount, spec, at)
    if left(b, spec) <= 0 then
      b.opened, b.earliest, b.latest, b.second, b.counted, b.uses, b.amount = at, at, at, NONE, NEVER, 0, 0
    elseif b.second == NONE then b.second = at end
    b.last = max(b.last, at)
    b.uses, b.amount, b.dirty = b.uses + 1, b.amount + amount, true
    return at
  end

  function anchored.take(b, amount, spec)
    return use(b, amount, spec, stamp)
  end

  function anchored.charge(b, amount, spec, at)
    if at + spec[4] + spec[3] > now then use(b, amount, spec, at) end
  end

  -- Then the provider's window began with a later use, or not at all.
  local function neverCounted(b, at)
    b.uses = b.uses - 1
    if b.uses <= 0 then b.earliest, b.latest = NONE, NONE
    elseif at == b.earliest then
      if b.second > b.earliest then b.earliest = b.second end
      b.latest = min(b.last, max(b.counted, b.earliest))
    end
  end

  function anchored.settle(b, at, change, _, _, real)
    if at < b.opened then return end
    b.amount, b.dirty = b.amount + change, true
    if real == 0 then neverCounted(b, at)
    elseif at > b.opened and at < b.counted then
      -- By then the provider's window had begun.
      b.counted = at
      b.latest = min(b.latest, max(at, b.earliest))
    end
  end

  function anchored.used(b, spec)
    return left(b, spec) <= 0 and 0 or b.amount
  end

  function anchored.raise(b, used, spec)
    local more = used - anchored.used(b, spec)
    if more > 0 then anchored.settle(b, use(b, more, spec, stamp), 0, 0, spec, more) end
  end

  function anchored.reset(b, spec)
    local ms = left(b, spec)
    return ms <= 0 and RELEASE or ms
  end

  function anchored.write(b, spec)
    local raw = pack('<ddddddddd', b.opened, b.earliest, b.latest, b.second, b.last, b.counted, b.uses, b.amount, 0)
    call('SET', b.key, raw, 'PX', ttl(max(left(b, spec), 0) + 60000))
  end
  return anchored
end
`;
