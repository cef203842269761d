import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  type AllKeysExhaustedError,
  createRotatingFetch,
  KeyRotator,
  type Logger,
  MemoryStore,
  type RotatingFetch,
  type RotatingFetchOptions,
  type RotatorEvents,
} from "../../src/index.ts";
import {
  badRequest,
  connectionLost,
  type EmulatedRequest,
  expectNoSecrets,
  forbidden,
  insufficientQuota,
  rateLimited,
  type Step,
  serverError,
  unauthorized,
} from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";

/** Every event there is: the type makes a new one appear here. */
const eventNames = Object.keys({
  "key-selected": true,
  "attempt-succeeded": true,
  "stream-ended": true,
  "client-retry": true,
  "attempt-failed": true,
  "key-cooled": true,
  "key-recovered": true,
  "accounts-merged": true,
  "accounts-split": true,
  "key-added": true,
  "key-removed": true,
  "key-enabled": true,
  "key-disabled": true,
  "key-replaced": true,
  "key-updated": true,
  "key-reverted": true,
  "keys-imported": true,
  "keys-reloaded": true,
  "keys-reload-failed": true,
  "request-queued": true,
  "pool-exhausted": true,
  "body-not-replayable": true,
  "model-unknown": true,
  "store-degraded": true,
  "store-shared": true,
  "store-data-lost": true,
  "store-unsubscribed": true,
  "refusal-learned": true,
  "probe-proves-nothing": true,
  "internal-error": true,
} satisfies Record<keyof RotatorEvents, true>) as (keyof RotatorEvents)[];

/** Whatever leaves the library on a side that is not the provider's. */
class Witness {
  readonly seen: unknown[] = [];
  readonly names = new Set<string>();
  readonly logger: Logger = {
    debug: (...line) => this.seen.push(line),
    info: (...line) => this.seen.push(line),
    warn: (...line) => this.seen.push(line),
    error: (...line) => this.seen.push(line),
  };

  watch(rotator: KeyRotator): void {
    for (const name of eventNames) {
      rotator.on(name, (event) => {
        this.names.add(name);
        this.seen.push(event, inspect(event, { depth: null }));
      });
      rotator.on(name, () => {
        throw new Error("a listener's own mistake");
      });
    }
  }

  /** An answer with its address and headers, or the error. The body is the provider's own word and is not looked at. */
  async call(promise: Promise<Response>): Promise<number | undefined> {
    try {
      const response = await promise;
      this.seen.push(response, inspect(response.headers), response.url);
      await response.text().catch((error: unknown) => this.#error(error));
      return response.status;
    } catch (error) {
      this.#error(error);
      return undefined;
    }
  }

  async look(rotator: KeyRotator): Promise<void> {
    this.seen.push(await rotator.snapshot(), await rotator.explain(), inspect(rotator, { depth: null }));
    this.seen.push(inspect(rotator, { depth: null, showHidden: true, getters: true }), JSON.stringify(rotator));
  }

  attempt(act: () => unknown): void {
    try {
      this.seen.push(act());
    } catch (error) {
      this.#error(error);
    }
  }

  #error(error: unknown): void {
    this.seen.push(error, inspect(error, { depth: null }), String(error), (error as Error).stack);
  }
}

/** Answers that quote the credential they were sent, as some providers do. */
const echoing =
  (status: number) =>
  (request: EmulatedRequest): Step => {
    const quoted = JSON.stringify(request.headers);
    return {
      status,
      body: { error: { message: `Incorrect API key provided: ${quoted}`, code: quoted, type: quoted } },
    };
  };

const storm: Step[] = [
  rateLimited(),
  rateLimited({ retryAfterMs: 50 }),
  unauthorized(),
  forbidden(),
  serverError(500),
  serverError(503),
  badRequest(),
  insufficientQuota(),
  connectionLost(),
  { cut: "after-headers" },
  { cut: { afterChunks: 1 } },
];

const chat: RequestInit = { method: "POST", body: '{"model":"m","messages":[]}' };

async function stormy(options: Partial<RotatingFetchOptions> = {}) {
  const secrets = Array.from({ length: 6 }, newSecret);
  const [plain, dynamic, withHeaders, withQuery, sibling, other] = secrets as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const emulator = await startEmulator({ keys: secrets });
  for (const [place, secret] of secrets.entries()) {
    const mixed = [...storm.slice(place), ...storm.slice(0, place)];
    emulator
      .key(secret)
      .script((request, number) =>
        number % 4 === 0 ? echoing([401, 400, 429][number % 3] as number)(request) : mixed[number - 1],
      );
  }
  const witness = new Witness();
  const store = new MemoryStore();
  const fetch = createRotatingFetch({
    keys: [
      plain,
      { id: "dynamic", secret: () => Promise.resolve({ secret: dynamic, expiresAt: Number.MAX_SAFE_INTEGER }) },
      { secret: withHeaders, headers: { "x-organization": "org" }, note: "with headers" },
      { secret: withQuery, query: { region: "eu" }, account: "shared" },
      { secret: sibling, account: "shared" },
      { secret: other, baseURL: `${emulator.url}/own` },
    ],
    baseURL: emulator.baseURL,
    limits: [{ requests: 1_000 }],
    logger: witness.logger,
    maxWaitMs: 100,
    cooldownMs: 20,
    retries: 1,
    random: () => 0,
    store,
    ...options,
  });
  witness.watch(fetch.rotator);
  return { secrets, emulator, fetch, witness, store, url: `${emulator.baseURL}/chat/completions` };
}

/** Ends every rest, so that the storm goes on. */
async function clearSky(fetch: RotatingFetch): Promise<void> {
  for (const { id } of (await fetch.rotator.snapshot()).keys) fetch.rotator.enable(id);
}

describe("secrets in a storm", () => {
  it("are in no event, log line, snapshot, explanation, error, header or address", async () => {
    const { secrets, emulator, fetch, witness, store, url } = await stormy();
    const statuses = new Set<number | undefined>();
    for (let round = 0; round < 14; round++) {
      const calls = [fetch(url, chat), fetch(`${emulator.baseURL}/models`), fetch(new Request(url, chat))];
      for (const status of await Promise.all(calls.map((call) => witness.call(call)))) statuses.add(status);
      await witness.look(fetch.rotator);
      if (round % 2 === 1) await clearSky(fetch);
    }
    await emulator.refuseConnections();
    await witness.call(fetch(url, chat));
    await emulator.refuseConnections(false);
    const stream = new Blob(["too long"]).stream();
    const small = createRotatingFetch({ rotator: fetch.rotator, baseURL: emulator.baseURL, maxReplayBytes: 1 });
    await witness.call(small(url, { method: "POST", body: stream, duplex: "half" } as RequestInit));
    await witness.look(fetch.rotator);
    witness.seen.push(inspect(store, { depth: null, showHidden: true }), inspect(fetch, { depth: null }));
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400]));
    expect(witness.names).toContain("attempt-failed");
    expectNoSecrets(witness.seen, secrets);
  });

  it("are in no error and no event when keys are managed", async () => {
    const { secrets, fetch, witness } = await stormy();
    const { rotator } = fetch;
    const [fresh, replaced] = [newSecret(), newSecret()];
    const ids: string[] = [];
    witness.attempt(() => ids.push(rotator.add(fresh)));
    witness.attempt(() => rotator.replace(ids[0] as string, replaced));
    witness.attempt(() => rotator.disable(ids[0] as string));
    witness.attempt(() => rotator.enable(ids[0] as string));
    witness.attempt(() => rotator.add(`${fresh}\n${fresh}`));
    witness.attempt(() => rotator.add({ secret: fresh, weight: -1 }));
    witness.attempt(() => rotator.add({ secret: fresh, [fresh.slice(0, 5)]: 1 } as never));
    witness.attempt(() => rotator.replace("dynamic", `${replaced} ${replaced}`));
    witness.attempt(() => createRotatingFetch({ keys: `${fresh}, ${fresh}\t${replaced}` }));
    witness.attempt(() => createRotatingFetch({ keys: { [fresh]: 1 } as never }));
    witness.attempt(() => createRotatingFetch({ keys: [fresh], provider: "openia" as never }));
    witness.attempt(() => createRotatingFetch({ keys: [fresh] }));
    await rotator.reload();
    await witness.look(rotator);
    witness.attempt(() => rotator.remove(ids[0] as string));
    await rotator.close();
    await witness.call(fetch("http://127.0.0.1:9/"));
    expectNoSecrets(witness.seen, [...secrets, fresh, replaced]);
  });

  it("are not in what an exhausted pool says, in any of its ways", async () => {
    for (const onExhausted of ["respond", "throw", (error: AllKeysExhaustedError) => Promise.reject(error)] as const) {
      const { secrets, emulator, fetch, witness, url } = await stormy({ onExhausted });
      for (const secret of secrets) emulator.key(secret).script(() => rateLimited({ retryAfterSeconds: 3_600 }));
      await witness.call(fetch(url, chat));
      const made = fetch(url, chat).then((response) => response.text());
      witness.seen.push(await made.catch((error: unknown) => error));
      await witness.look(fetch.rotator);
      expect(witness.names).toContain("pool-exhausted");
      expectNoSecrets(witness.seen, secrets);
    }
  });

  it("are not in the errors for foreign origins and refused redirects", async () => {
    const { secrets, emulator, fetch, witness, url } = await stormy();
    const foreign = await startEmulator({ keys: [] });
    await witness.call(fetch(`${foreign.url}/x`, { headers: { authorization: "Bearer rotating" } }));
    for (const secret of secrets) emulator.key(secret).script([]);
    const redirect = `${emulator.url}/redirect?to=${encodeURIComponent(`${foreign.url}/landed`)}`;
    await witness.call(fetch(redirect));
    await witness.call(fetch(redirect, { redirect: "error" }));
    await witness.call(fetch(url, { ...chat, signal: AbortSignal.timeout(1) }));
    expect(foreign.arrivals.length).toBeGreaterThan(0);
    expectNoSecrets([witness.seen, foreign.arrivals], secrets);
  });

  it("are not in the error for a fetched secret that no header can carry", async () => {
    const secret = newSecret();
    for (const broken of [`${secret}\n${secret}`, `${secret}\u2026`, ` ${secret} \u0000`]) {
      const witness = new Witness();
      const { fetch } = {
        fetch: createRotatingFetch({
          keys: [{ id: "vault", secret: () => broken }],
          baseURL: "http://127.0.0.1:9",
          logger: witness.logger,
          retries: 0,
          maxWaitMs: 0,
        }),
      };
      witness.watch(fetch.rotator);
      await witness.call(fetch("http://127.0.0.1:9/"));
      expectNoSecrets(witness.seen, [secret]);
    }
  });

  it("do not show when a lease or a rotator is printed", async () => {
    const secret = newSecret();
    const rotator = new KeyRotator({ keys: [secret] });
    const lease = await rotator.acquire();
    const printed = [lease, rotator].map((each) => [
      inspect(each),
      inspect(each, { depth: null }),
      `${each}`,
      attempt(() => JSON.stringify(each)),
      Object.entries(each),
      attempt(() => structuredClone(each)),
    ]);
    expect(lease.secret === secret).toBe(true);
    lease.settle({ outcome: "success" });
    expectNoSecrets(printed, [secret]);
  });

  it("are not handed out with the rotator's options", () => {
    const secret = newSecret();
    const rotator = new KeyRotator({ keys: [secret] });
    expectNoSecrets(rotator, [secret]);
  });
});

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
