import type * as Library from "../../src/index.ts";
import type * as Redis from "../../src/stores/redis/index.ts";

/** One kind of call. It is made once to warm up, and then once to be looked at. */
export interface TracedPath {
  readonly title: string;
  /** Makes what every call needs; undefined where this machine lacks it. */
  prepare(library: typeof Library, load: (path: string) => Promise<unknown>): Promise<PreparedPath | undefined>;
}

interface PreparedPath {
  call(): Promise<void>;
  close?(): Promise<void>;
}

const baseURL = "https://api.example.test/v1";
const url = `${baseURL}/chat/completions`;
const request = (): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json", authorization: "Bearer rotating" },
  body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hello" }] }),
});

const json = { "content-type": "application/json" };
const usage = { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 };
const served = (): Response =>
  new Response(JSON.stringify({ id: "chatcmpl-1", object: "chat.completion", choices: [], usage }), { headers: json });
const refused = (): Response => {
  const message = "Rate limit reached for test-model in organization org-test on requests per min (RPM): Limit 3.";
  const error = { message, type: "requests", param: null, code: "rate_limit_exceeded" };
  return new Response(JSON.stringify({ error }), { status: 429, headers: { ...json, "retry-after": "20" } });
};
const streamed = (): Response => {
  const chunk = (delta: object): object => ({ id: "gen-1", object: "chat.completion.chunk", choices: [{ delta }] });
  const events = [chunk({ role: "assistant", content: "Hel" }), chunk({ content: "lo" }), { choices: [], usage }];
  const body = `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`;
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
};

const keysOf = (count: number): string[] => Array.from({ length: count }, (_, place) => `test-key-${place}`);

async function readAll(answer: Promise<Response>): Promise<void> {
  const response = await answer;
  if (response.status !== 200) throw new Error(`Expected status 200, got ${response.status}`);
  await response.text();
}

/** Has every key serve and be named once: what is made for a key at its first use is no part of a call. */
async function useAll(rotator: Library.KeyRotator, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const lease = await rotator.acquire();
    lease.settle({ outcome: "success" });
  }
  await rotator.snapshot();
}

/** A pool over answers that are handed out in turn. */
function overAnswers(
  title: string,
  options: Partial<Library.RotatingFetchOptions>,
  answers: readonly (() => Response)[],
): TracedPath {
  return {
    title,
    async prepare({ createRotatingFetch }) {
      let turn = 0;
      const answer = async (): Promise<Response> => (answers[turn++ % answers.length] as () => Response)();
      const rotating = createRotatingFetch({ keys: keysOf(6), baseURL, fetch: answer, ...options });
      await useAll(rotating.rotator as Library.KeyRotator, 6);
      return { call: () => readAll(rotating(url, request())), close: () => rotating.rotator.close() };
    },
  };
}

const waiter: TracedPath = {
  title: "two calls, `concurrency: 1`",
  async prepare({ createRotatingFetch }) {
    const options = { keys: keysOf(1), baseURL, limits: [{ concurrency: 1 }], fetch: async () => served() };
    const rotating = createRotatingFetch({ ...options, provider: "generic" });
    const call = async (): Promise<void> => {
      const first = rotating(url, request());
      const second = rotating(url, request());
      await readAll(first);
      await readAll(second);
    };
    return { call, close: () => rotating.rotator.close() };
  },
};

const redis: TracedPath = {
  title: "Redis: acquire and settle",
  async prepare({ KeyRotator }, load) {
    const { startRedis } = await import("./redis-server.ts");
    const server = await startRedis();
    if (server === undefined) return undefined;
    const { RedisStore } = (await load("stores/redis/index.ts")) as typeof Redis;
    const store = new RedisStore({ client: server.client as Redis.RedisClient, pool: "trace" });
    const rotator = new KeyRotator({ keys: keysOf(3), limits: [{ requests: 1e6, per: "minute" }], store });
    await useAll(rotator, 3);
    return {
      async call() {
        const lease = await rotator.acquire();
        lease.settle({ outcome: "success" });
        // The report leaves in a later turn.
        await new Promise((resolve) => setTimeout(resolve, 50));
      },
      async close() {
        await rotator.close();
        await store.close();
        await server.close();
      },
    };
  },
};

export const tracedPaths = {
  happy: overAnswers("happy, `generic`, no limits", { provider: "generic" }, [served]),
  "happy-openai": overAnswers("happy, `openai`, no limits", { provider: "openai" }, [served]),
  failover: overAnswers("429, then the next key, `generic`", { provider: "generic" }, [refused, served]),
  "failover-openai": overAnswers("429, then the next key, `openai`", { provider: "openai" }, [refused, served]),
  waiter,
  stream: overAnswers("streamed answer, `openrouter`", { provider: "openrouter" }, [streamed]),
  redis,
} as const satisfies Readonly<Record<string, TracedPath>>;

export type PathName = keyof typeof tracedPaths;
