import type { RedisClient } from "rotating-fetch/redis";
import { systemClock } from "../../../src/clock.ts";
import type { Clock } from "../../../src/types.ts";

/** No time passes on the way to a server whose time is what the test says. Timers are real. */
export const standing: Clock = { ...systemClock, monotonic: () => 0 };

/**
 * The same client against a server whose time is what the test says: where the script asks for the time, it is given the last
 * argument instead. Everything else is as it is.
 */
export function withServerTime(client: RedisClient, now: () => number): RedisClient {
  const timed = (args: readonly unknown[]): unknown[] => {
    const name = String(args[0]).toUpperCase();
    if (name === "EVALSHA") throw new Error("NOSCRIPT the script of this test is another one");
    if (name !== "EVAL") return [...args];
    const [command, script, ...rest] = args as string[];
    const faked = (script as string).replace("redis.call('TIME')", "{ ARGV[#ARGV], 0 }");
    if (faked === script) throw new Error("The script does not ask for the time where the test expects it");
    const micros = Math.round(now() * 1000);
    return [command, faked.replace("time[1] * 1000000", "time[1] * 1"), ...rest, String(micros)];
  };
  if (typeof client === "function") return async (args) => client(timed(args) as string[]);
  return new Proxy(client, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      const method = value as (...args: unknown[]) => unknown;
      if (property === "call") return async (...args: unknown[]) => method.apply(target, timed(args));
      if (property !== "sendCommand") return method.bind(target);
      return async (...args: unknown[]) => {
        const at = args.findIndex(Array.isArray);
        const words = timed(args[at] as unknown[]);
        return method.apply(target, [...args.slice(0, at), words, ...args.slice(at + 1)]);
      };
    },
  });
}
