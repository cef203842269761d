import { MemoryPins } from "../../../limits/memory/pins.ts";
import type { Pins } from "../../../limits/store.ts";
import type { Clock } from "../../../types.ts";
import type { Commander } from "./client.ts";
import type { CommandBudget } from "./command-budget.ts";
import type { KeyNames } from "./key-names.ts";
import type { Link } from "./link.ts";

/** So many are kept for a pool; beyond that, those that end first go. */
const mostPins = 100_000;

/** The values by name, and when each ends. */
const putText = `
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)
if #gone == 0 and redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4]) then gone = redis.call('ZRANGE', KEYS[2], 0, 0) end
for _, name in ipairs(gone) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.ceil(last[2] - now) + 1000) end
`;

const getText = `
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
local ends = redis.call('ZSCORE', KEYS[2], ARGV[1])
return ends and tonumber(ends) > now and redis.call('HGET', KEYS[1], ARGV[1]) or false
`;

const claimText = `
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
local ends = redis.call('GET', KEYS[1])
if ends and tonumber(ends) > now then return 0 end
redis.call('SET', KEYS[1], now + ARGV[1], 'PX', ARGV[1])
return 1
`;

export interface RedisPinsOptions {
  readonly commander: Commander;
  readonly budget: CommandBudget;
  readonly names: KeyNames;
  readonly clock: Clock;
  readonly link: Pick<Link, "isUp" | "standing">;
}

/** Small texts by name, for all processes. What this one put it still knows while the server is away. */
export class RedisPins implements Pins {
  readonly #options: RedisPinsOptions;
  readonly #own: MemoryPins;
  /** While there is no server. */
  readonly #claims: MemoryPins;

  constructor(options: RedisPinsOptions) {
    this.#options = options;
    this.#own = new MemoryPins(options.clock);
    this.#claims = new MemoryPins(options.clock);
  }

  async put(name: string, value: string, forMs: number): Promise<void> {
    const { names } = this.#options;
    this.#own.put(name, value, forMs);
    await this.#run(putText, [names.pins, names.pinEnds], [name, value, wholeMs(forMs), String(mostPins)]);
  }

  async get(name: string): Promise<string | undefined> {
    const { names } = this.#options;
    const found = await this.#run(getText, [names.pins, names.pinEnds], [name]);
    if (found === notAsked) return this.#own.get(name);
    return typeof found === "string" ? found : undefined;
  }

  /** One process of all gets it. Without the server, the one that has been there longest: what it does, nobody else does. */
  async claim(name: string, forMs: number): Promise<boolean> {
    const answer = await this.#run(claimText, [this.#options.names.claim(name)], [wholeMs(forMs)]);
    if (answer !== notAsked) return Number(answer) === 1;
    if (this.#options.link.standing.rank !== 0 || this.#claims.get(name) !== undefined) return false;
    this.#claims.put(name, "", forMs);
    return true;
  }

  /** What the server would have said is not worth a failed request. */
  async #run(text: string, keys: readonly [string, ...string[]], args: readonly string[]): Promise<unknown> {
    const { commander, budget, link } = this.#options;
    if (!link.isUp) return notAsked;
    const words = ["EVAL", text, String(keys.length), ...keys, ...args];
    try {
      return await budget.within(commander.send(keys[0], words), () => {});
    } catch {
      return notAsked;
    }
  }
}

const notAsked = Symbol("not asked");

function wholeMs(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
