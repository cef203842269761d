import type { Send } from "./calls.ts";

// Loaded by name at run time and described here as far as used: the project's types are checked without them.
const load = async (name: string): Promise<unknown> => import(name);

interface Ky {
  create(options: object): { post(url: string, options: object): Promise<Response> };
}

type PRetry = <T>(work: (attempt: number) => Promise<T>, options?: object) => Promise<T>;

interface PQueue {
  add<T>(work: () => Promise<T>): Promise<T>;
}

interface MemoryLimiter {
  consume(key: string): Promise<unknown>;
}

interface OpenAI {
  chat: { completions: { create(request: object): Promise<unknown> } };
}

export const loadKy = async (): Promise<Ky> => ((await load("ky")) as { default: Ky }).default;

export const loadPRetry = async (): Promise<PRetry> => ((await load("p-retry")) as { default: PRetry }).default;

export async function loadOpenAI(): Promise<new (options: object) => OpenAI> {
  return ((await load("openai")) as { default: new (options: object) => OpenAI }).default;
}

/** ky as a client of the given fetch. */
export async function throughKy(send: Send): Promise<Send> {
  const client = (await loadKy()).create({ fetch: send, timeout: false });
  return (url, { body, headers }) => client.post(url, { body, headers });
}

export async function throughPRetry(send: Send): Promise<Send> {
  const pRetry = await loadPRetry();
  return (url, init) => pRetry(() => send(url, init), { retries: 2 });
}

/** What is usually put together by hand: a queue, repeats, two limits per key, and a turn for each key. */
export async function throughStack(keys: readonly string[], send: Send): Promise<Send> {
  const pRetry = await loadPRetry();
  const { default: Queue } = (await load("p-queue")) as { default: new (options: object) => PQueue };
  const limiters = (await load("rate-limiter-flexible")) as {
    RateLimiterMemory: new (options: object) => MemoryLimiter;
  };
  const queue = new Queue({ concurrency: 64 });
  const minute = new limiters.RateLimiterMemory({ keyPrefix: "minute", points: 1e9, duration: 60 });
  const day = new limiters.RateLimiterMemory({ keyPrefix: "day", points: 1e9, duration: 86_400 });
  let turn = 0;
  return (url, init) =>
    queue.add(() =>
      pRetry(
        async () => {
          const key = keys[turn++ % keys.length] as string;
          await minute.consume(key);
          await day.consume(key);
          const headers = new Headers(init.headers);
          headers.set("authorization", `Bearer ${key}`);
          return send(url, { ...init, headers });
        },
        { retries: 2 },
      ),
    );
}
