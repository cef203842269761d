/**
 * Requests under way, as a sorted set: each permit by the reservation that holds it, scored by when it comes back without
 * anybody's doing. A permit whose request was given up comes back a guard later, and is named with a dash in front.
 */
export const concurrency = `
local function concurrencyKind()
  local concurrency = {}

  function concurrency.open(key, spec)
    if call('ZREMRANGEBYSCORE', key, '-inf', now) > 0 then freed = true end
    return { key = key, kind = concurrency, spec = spec, count = call('ZCARD', key) }
  end

  function concurrency.wait(b, amount, spec)
    if amount > spec[2] then return NEVER end
    if b.count + amount <= spec[2] then return 0 end
    -- Leases end later than guards do; the few that do not are told by their names.
    local leaving = call('ZRANGEBYSCORE', b.key, now, now + spec[3], 'WITHSCORES')
    for at = 1, #leaving, 2 do
      if string.sub(leaving[at], 1, 1) == '-' then return max(leaving[at + 1] - now, 1) end
    end
    return RELEASE
  end

  local function hold(b, name, untilAt)
    call('ZADD', b.key, untilAt, name)
    local lives = ttl(untilAt - now + 60000)
    if call('PTTL', b.key) < lives then call('PEXPIRE', b.key, lives) end
  end

  function concurrency.take(b, amount, _, number, expiresAt)
    local id = named(number)
    b.count = b.count + amount
    for n = 1, amount do hold(b, n == 1 and id or id .. '/' .. n, expiresAt) end
    return amount
  end

  function concurrency.charge(b, _, _, _, id, forMs)
    if forMs <= 0 or call('ZSCORE', b.key, id) then return end
    hold(b, id, now + forMs)
    b.count = b.count + 1
  end

  function concurrency.settle(b, amount, _, lingers, spec, _, number)
    local id = named(number)
    for n = 1, amount do
      local name = n == 1 and id or id .. '/' .. n
      -- One whose lease has expired holds nothing any more.
      if call('ZREM', b.key, name) == 1 then
        if b.count >= spec[2] then freed = true end
        if lingers > 0 then hold(b, '-' .. name, now + lingers) else b.count = b.count - 1 end
      end
    end
  end

  function concurrency.renew(b, amount, number, untilAt)
    local id = named(number)
    for n = 1, amount do
      local name = n == 1 and id or id .. '/' .. n
      if call('ZSCORE', b.key, name) then hold(b, name, untilAt) end
    end
  end

  -- What is in flight nobody else knows better.
  function concurrency.raise() end

  function concurrency.used(b)
    return b.count
  end

  function concurrency.reset()
    return RELEASE
  end
  return concurrency
end
`;
