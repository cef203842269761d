/**
 * What every call begins with. All times are whole milliseconds of the server's clock. The keys: first those of the buckets and
 * of the instances, as places from 1; then, from the place `f` on, those that are read all at once: the epoch, what an instance
 * reported last if it reports, and the scopes, whose places are counted from there.
 */
export const opening = `
local call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, unpack
local max, min = math.max, math.min
local request = cjson.decode(ARGV[1])
local channel = ARGV[2]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
-- What is asked for is compared with the beginning of this millisecond, what is taken is stamped with its end: never early.
local now, stamp = math.floor(micros / 1000), math.ceil(micros / 1000)
local stored = call('MGET', spread(KEYS, request.f))
-- Stand for times that never come and that were before all others.
local NEVER, NONE = 9e15, -9e15
-- A wait that no time ends, only a release.
local RELEASE = -1
local LONGEST_TTL = 400 * 86400000

-- Defined only where they are asked for: every definition takes its time.
local changeAll, settleAll, renewAll, reserveAll, read, beat
local touched = {}

local function storedKey(place)
  return KEYS[request.f + place - 1]
end

-- Reservations are numbered by the instance that asks for them.
local function named(number)
  return request.i .. '.' .. number
end

-- Somebody may have waited for what was given back.
local freed = false
local function tell(message)
  -- Users of a server may mostly not publish, unless they are told that they may: nothing depends on it.
  redis.pcall('PUBLISH', channel, cjson.encode(message))
end

local function ttl(ms)
  return min(max(math.ceil(ms), 1), LONGEST_TTL)
end
`;
