/** What every call begins with. All times are whole milliseconds of the server's clock. */
export const opening = `
local call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, unpack
local max, min = math.max, math.min
local request = cjson.decode(ARGV[1])
local channel = ARGV[2]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
-- What is asked for is compared with the beginning of this millisecond, what is taken is stamped with its end: never early.
local now, stamp = math.floor(micros / 1000), math.ceil(micros / 1000)
-- Stand for times that never come and that were before all others.
local NEVER, NONE = 9e15, -9e15
-- A wait that no time ends, only a release.
local RELEASE = -1
local LONGEST_TTL = 400 * 86400000

-- Defined only where they are asked for: every definition takes its time.
local changeAll, settleAll, reserve, read, beat
local touched = {}

local place = 0
local function nextKey()
  place = place + 1
  return KEYS[place]
end

-- Somebody may have waited for what was given back.
local freed = false
local function tell(message)
  call('PUBLISH', channel, cjson.encode(message))
end

local function ttl(ms)
  return min(max(math.ceil(ms), 1), LONGEST_TTL)
end
`;
