import {
  type CallObserver,
  createRotatingFetch,
  type EndedCall,
  type PoolObserver,
  type RotatingFetchOptions,
  type WalkAdvisor,
} from "rotating-fetch";
import { responseCache } from "rotating-fetch/cache";
import { FakeClock } from "rotating-fetch/testing";
import { describe, expect, it } from "vitest";

const url = "https://api.openai.com/v1/chat/completions?secret=no";
const chat: RequestInit = { method: "POST", body: '{"model":"m"}' };

/** Keys a, b and c, and what each is answered; `asked` are their ids, in order. */
function openai(options: Partial<RotatingFetchOptions>, answer: (id: string) => Response | Promise<Response>) {
  const asked: string[] = [];
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const fetch = createRotatingFetch({
    provider: "openai",
    keys: ["a", "b", "c"].map((id) => ({ id, secret: `secret-of-key-${id}` })),
    clock,
    maxWaitMs: 0,
    retries: 0,
    ...options,
    fetch: async (_url, init) => {
      const id = (new Headers(init?.headers).get("authorization") ?? "").slice(-1);
      asked.push(id);
      return answer(id);
    },
  });
  return { fetch, asked, clock };
}

const refusal = (status: number, text: string): Response => Response.json({ error: { message: text } }, { status });

/** A usage log: one line a call. */
class UsageLog implements CallObserver {
  readonly needs = ["usage"] as const;
  readonly calls: EndedCall[] = [];

  callEnded(call: EndedCall): void {
    this.calls.push(call);
  }

  get outcomes(): string[] {
    return this.calls.map(({ outcome }) => outcome);
  }
}

/** Two accounts that refuse in the same words are right, whatever the words. */
const secondOpinion: WalkAdvisor = {
  advise(refused, earlier) {
    const twin = earlier.find(({ fingerprint }) => fingerprint === refused.fingerprint);
    return twin === undefined ? { advice: "next" } : { advice: "return", undo: [twin.lease, refused.lease] };
  },
};

describe("A usage log, which observes calls", () => {
  it("has what an answer used, once its body is read", async () => {
    const log = new UsageLog();
    const body = { usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } };
    const { fetch } = openai({ observers: [log] }, () => Response.json(body));
    const answer = await fetch.with({ tags: { team: "x" } })(url, chat);
    expect(log.calls).toEqual([]);
    await answer.text();
    expect(log.calls).toMatchObject([
      {
        outcome: "served",
        model: "m",
        path: "/v1/chat/completions",
        keyId: "a",
        provider: "openai",
        attempts: 1,
        status: 200,
        usage: { inputTokens: 3, outputTokens: 4 },
        tags: { team: "x" },
      },
    ]);
    expect(JSON.stringify(log.calls)).not.toContain("secret");
  });

  it("is told once of every call, however it ended", async () => {
    const log = new UsageLog();
    const observers = [{ callEnded: (call: EndedCall) => log.callEnded(call) }];
    const dead = openai({ observers }, () => refusal(400, "no"));
    await dead.fetch(url, chat);
    const used = openai({ observers }, () => refusal(429, "Please try again in 60s."));
    await used.fetch(url, chat);
    await used.fetch(url, chat);
    const ended = new AbortController();
    const hanging = openai({ observers }, () => new Promise(() => {}));
    const call = hanging.fetch(url, { ...chat, signal: ended.signal }).catch((error: Error) => error.name);
    await Promise.resolve();
    ended.abort();
    expect(await call).toBe("AbortError");
    const cache = responseCache({ key: () => "k", ttlMs: 1000 });
    const cached = openai({ observers, cache }, () => new Response("{}"));
    await (await cached.fetch(url, chat)).text();
    await (await cached.fetch(url, chat)).text();
    expect(log.outcomes).toEqual(["passed_on", "passed_on", "never_leased", "aborted", "served", "cached"]);
    expect(log.calls.map(({ attempts }) => attempts)).toEqual([2, 3, 0, 1, 1, 0]);
  });

  it("that throws is told of, and the call has its answer", async () => {
    const broken: CallObserver = {
      callEnded: () => {
        throw new Error("full disk");
      },
    };
    const { fetch } = openai({ observers: [broken] }, () => new Response("{}"));
    const told: string[] = [];
    fetch.rotator.on("internal-error", ({ part }) => told.push(part));
    expect((await fetch(url, chat)).status).toBe(200);
    expect(told).toEqual(["observer"]);
  });
});

describe("A second opinion, which advises a call", () => {
  it("asks one more account about what the first one calls the request's fault", async () => {
    const { fetch, asked } = openai({ observers: [secondOpinion] }, (id) =>
      id === "a" ? refusal(400, "model m is not there") : new Response("{}"),
    );
    expect((await fetch(url, chat)).status).toBe(200);
    expect(asked).toEqual(["a", "b"]);
  });

  it("ends a call that two accounts refuse in the same words, and takes their cooldowns back", async () => {
    const { fetch, asked } = openai({ observers: [secondOpinion] }, () => refusal(429, "no such luck"));
    expect((await fetch(url, chat)).status).toBe(429);
    expect(asked).toEqual(["a", "b"]);
    expect((await fetch.rotator.snapshot()).ready).toBe(3);
  });

  it("may leave accounts out, and have a call wait", async () => {
    const leaveOutB: WalkAdvisor = { advise: () => ({ advice: "next", except: ["b"] }) };
    const world = openai({ observers: [leaveOutB] }, (id) => (id === "c" ? new Response("{}") : refusal(400, "no")));
    expect((await world.fetch(url, chat)).status).toBe(200);
    expect(world.asked).toEqual(["a", "c"]);

    let tries = 0;
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const patient: WalkAdvisor = { advise: () => ({ advice: "wait", until: 1_005_000 }) };
    const waiting = openai({ observers: [patient], clock, maxWaitMs: 10_000 }, () =>
      ++tries === 1 ? refusal(400, "warming up") : new Response("{}"),
    );
    const call = waiting.fetch(url, chat);
    await clock.advance(4000);
    expect(tries).toBe(1);
    await clock.advance(2000);
    expect((await call).status).toBe(200);
  });
});

describe("Whoever reads headers", () => {
  it("is shown those of a stream while its first content is on its way", async () => {
    const content = new TextEncoder().encode('data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n');
    let handOn = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        handOn = () => {
          controller.enqueue(content);
          controller.close();
        };
      },
    });
    let shown = (_left: string | null): void => {};
    const left = new Promise<string | null>((resolve) => {
      shown = resolve;
    });
    const reader: PoolObserver = { headers: (_lease, headers) => shown(headers.get("x-left")) };
    const headers = { "content-type": "text/event-stream", "x-left": "3" };
    const { fetch } = openai({ observers: [reader] }, () => new Response(body, { headers }));
    const call = fetch(url, chat);
    expect(await left).toBe("3");
    handOn();
    expect(await (await call).text()).toContain("Hi");
  });
});
