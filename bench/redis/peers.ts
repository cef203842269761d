// Loaded by name at run time and described here as far as used: the project's types are checked without them.
const load = async (name: string): Promise<unknown> => import(name);

export interface IoredisClient {
  ping(): Promise<unknown>;
  call(command: string, ...args: string[]): Promise<unknown>;
  disconnect(): void;
}

interface Limiter {
  consume(key: string): Promise<unknown>;
}

type LimiterClass = new (options: object) => Limiter;

export async function openIoredis(port: number): Promise<IoredisClient> {
  const { Redis } = (await load("ioredis")) as { Redis: new (options: object) => IoredisClient };
  return new Redis({ port, host: "127.0.0.1" });
}

/** Two windows of one key in Redis, as most count them by hand. */
export async function limiterUnion(storeClient: IoredisClient): Promise<Limiter> {
  const { RateLimiterRedis, RateLimiterUnion } = (await load("rate-limiter-flexible")) as {
    RateLimiterRedis: LimiterClass;
    RateLimiterUnion: new (...limiters: Limiter[]) => Limiter;
  };
  const minute = new RateLimiterRedis({ storeClient, keyPrefix: "minute", points: 1e9, duration: 60 });
  const day = new RateLimiterRedis({ storeClient, keyPrefix: "day", points: 1e9, duration: 86_400 });
  return new RateLimiterUnion(minute, day);
}
