import { library, makeKeys } from "../library.ts";

/** Milliseconds of the same work: by us, and by hand in the same rounds. */
export interface Timed {
  readonly oursMs: number;
  readonly byHandMs: number;
}

export interface FirstFailover {
  /** The first of the process. */
  readonly first: Timed;
  /** A new pool for each. */
  readonly newPool: Timed;
  /** One pool of 1,000 keys, after 5,000 failovers. `null`: not asked for. */
  readonly living: Timed | null;
}

type Stub = () => Promise<Response>;

const url = "https://api.example.test/v1/chat/completions";
const headers = { "content-type": "application/json" };
const refusal = JSON.stringify({
  error: { message: "Rate limit reached for requests", type: "requests", code: "rate_limit_exceeded" },
});
const init = (): RequestInit => ({ method: "POST", headers, body: '{"model":"test-model"}' });

/** Refuses, then serves, and so on. */
function stubWith(retryAfter: string): Stub {
  let turn = 0;
  return async () =>
    turn++ % 2 === 0
      ? new Response(refusal, { status: 429, headers: { ...headers, "retry-after": retryAfter } })
      : new Response("{}", { headers });
}

/** Every call meets a refusal first. */
function overPool(keys: number, fetch: Stub): Stub {
  const provider = process.argv[2] === "openai" ? "openai" : "generic";
  const rotating = library.createRotatingFetch({
    keys: makeKeys(keys),
    baseURL: "https://api.example.test/v1",
    provider,
    fetch,
  });
  return () => rotating(url, init());
}

/** The least that such a failover can cost: both answers, and the refusal's body read. */
function byHand(stub: Stub): Stub {
  return async () => {
    await (await stub()).text();
    return stub();
  };
}

async function timed(call: Stub): Promise<number> {
  const startedAt = performance.now();
  const { status } = await call();
  const took = performance.now() - startedAt;
  if (status !== 200) throw new Error(`Expected status 200, got ${status}`);
  return took;
}

/** Medians of what the rounds after the first `warmUp` took. */
async function compared(ours: () => Stub, hand: Stub, warmUp: number, rounds: number): Promise<Timed> {
  const samples: Timed[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    const oursMs = await timed(ours());
    const byHandMs = await timed(hand);
    if (round >= warmUp) samples.push({ oursMs, byHandMs });
  }
  const median = (field: keyof Timed): number =>
    samples.map((sample) => sample[field]).sort((a, b) => a - b)[rounds >> 1] as number;
  return { oursMs: median("oursMs"), byHandMs: median("byHandMs") };
}

// The platform's own share is not ours: its `Response` and `Headers` load lazily.
await new Response(refusal, { headers }).text();
const hand = byHand(stubWith("20"));
const firstByHandMs = await timed(hand);
const first = { oursMs: await timed(overPool(2, stubWith("20"))), byHandMs: firstByHandMs };
const newPool = await compared(() => overPool(2, stubWith("20")), hand, 300, 300);
let living: Timed | null = null;
if (process.argv[3] === "living") {
  // A key is back before its turn comes again.
  const failover = overPool(1000, stubWith("0.05"));
  living = await compared(() => failover, byHand(stubWith("0.05")), 5000, 2000);
}
process.send?.({ first, newPool, living } satisfies FirstFailover);
process.disconnect?.();
