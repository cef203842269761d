import type { RotatingFetch, RotatingFetchOptions } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { text } from "./answers/answer.ts";
import { cutLongSleeps } from "./long-sleeps.ts";
import type { Arrival, RecordingServer } from "./recording-server.ts";
import { strayMark } from "./stray-keys.ts";
import { placeholder, type Sender, setUp, type World } from "./world.ts";

/** What a client does when every key is used up. */
export interface Exhausted {
  /** Makes a call with the settings of docs/clients.md. */
  readonly documented: (fetch: RotatingFetch) => Promise<unknown>;
  /** Makes one with the client's own settings. */
  readonly byDefault: (fetch: RotatingFetch) => Promise<unknown>;
  /** How often that calls `fetch`. */
  readonly defaultCalls: number;
  /** The same where the keys are free within a minute. @default defaultCalls */
  readonly defaultCallsWithinMinute?: number | undefined;
  /** What its user reads in the error; throws where it is not the error that docs/clients.md names. */
  readonly read: (error: unknown) => Told;
}

export interface Told {
  readonly status: unknown;
  /** `undefined`: the client does not tell. */
  readonly retryAfterSeconds: number | undefined;
}

export interface Client {
  readonly name: string;
  /** As in docs/clients.md. */
  readonly options: Partial<RotatingFetchOptions>;
  /** Where the provider finds the key. */
  readonly keyIn: string;
  /** Each answers with what it was told, in one string. */
  readonly operations: Readonly<Record<string, (fetch: RotatingFetch) => Promise<string>>>;
  readonly exhausted?: Exhausted | undefined;
  /** What sends below the rotating fetch. @default the platform's fetch */
  readonly send?: Sender | undefined;
}

/** A bound for one call that finds every key at its limit; nothing is due within it, so nothing is waited for. */
const maxWaitMs = 2_000;
const hourSeconds = 3_600;

/** Tests of a client through a failover, and with every key used up. */
export function describeClient(client: Client): void {
  describe(`${client.name} through a failover`, () => {
    for (const [operation, run] of Object.entries(client.operations)) {
      it.each([
        ["without a Retry-After", {}],
        ["with one", { retryAfterSeconds: 30 }],
      ])(`completes ${operation} after a 429 %s`, async (_said, refusal) => {
        const world = await setUp([refusal, undefined], client.options, client.send);
        expect(await run(world.fetch)).toBe(text);
        expectFailover(world, client.keyIn);
      });
    }
  });
  if (client.exhausted !== undefined) describeExhausted(client, client.exhausted);
}

function describeExhausted(client: Client, exhausted: Exhausted): void {
  const { documented, byDefault, defaultCalls, defaultCallsWithinMinute = defaultCalls, read } = exhausted;
  describe(`${client.name} when every key rests`, () => {
    const open = (retryAfterSeconds: number): Promise<World> =>
      setUp([{ retryAfterSeconds }, { retryAfterSeconds }], { ...client.options, maxWaitMs }, client.send);

    it("ends at once with its own error, as documented", async () => {
      const world = await open(hourSeconds);
      const before = performance.now();
      const { status, retryAfterSeconds } = read(await failureOf(documented(world.fetch)));
      expect(performance.now() - before).toBeLessThan(maxWaitMs);
      expect(status).toBe(429);
      if (retryAfterSeconds !== undefined) expect(retryAfterSeconds).toBeGreaterThan(hourSeconds - 10);
      expect(world.calls).toHaveLength(1);
      expectOneArrivalEach(world);
      expect([world.fetch.rotator.waiting, world.fetch.rotator.inFlight]).toEqual([0, 0]);
    });

    it.each([
      ["an hour", hourSeconds, defaultCalls],
      ["40 seconds", 40, defaultCallsWithinMinute],
    ])("costs each key one request in %s, however often it repeats by default", async (_said, seconds, count) => {
      const world = await open(seconds);
      cutLongSleeps(world.calls);
      await failureOf(byDefault(world.fetch));
      expect(world.calls).toHaveLength(count);
      for (const { elapsedMs } of world.calls) expect(elapsedMs).toBeLessThan(maxWaitMs);
      expectOneArrivalEach(world);
    });
  });
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("it did not fail");
  const error = await promise.then(
    () => nothing,
    (thrown: unknown) => thrown,
  );
  if (error === nothing) throw new Error("Expected the call to fail");
  return error;
}

/** The first request was refused, the same one was sent again with the other key, and nobody else's credential was seen. */
export function expectFailover(world: World, keyIn: string): void {
  const [refused, served, ...further] = world.server.arrivals;
  if (refused === undefined || served === undefined) throw new Error("Expected two requests at least");
  expect([refused.status, keyOf(world, refused)]).toEqual([429, 0]);
  for (const arrival of [served, ...further]) {
    expect([arrival.status < 300 || arrival.status === 405, keyOf(world, arrival)]).toEqual([true, 1]);
  }
  expect([served.method, served.host, served.path]).toEqual([refused.method, refused.host, refused.path]);
  expect(served.headers["content-type"]).toBe(refused.headers["content-type"]);
  expect(served.body.length).toBe(refused.body.length);
  expect(served.body.equals(refused.body), "the same bytes in both tries").toBe(true);
  for (const { places } of world.server.arrivals) expect(places).toEqual([keyIn]);
  expectNoStranger(world.server);
}

/** Which key an arrival came with. */
function keyOf({ secrets }: World, { credentials }: Arrival): number {
  return credentials.length === 1 ? secrets.indexOf(credentials[0] ?? "") : -1;
}

function expectOneArrivalEach(world: World): void {
  expect(world.server.arrivals.map((arrival) => keyOf(world, arrival))).toEqual([0, 1]);
  expectNoStranger(world.server);
}

/** Neither the placeholder nor a key from the environment stands in a header or URL. */
export function expectNoStranger({ arrivals }: RecordingServer): void {
  const strangers = arrivals.filter(({ path, rawHeaders, credentials }) => {
    const all = [path, ...rawHeaders].join("\n");
    return all.includes(strayMark) || all.includes(` ${placeholder}`) || credentials.includes(placeholder);
  });
  expect(strangers.map(({ path }) => path)).toEqual([]);
}
