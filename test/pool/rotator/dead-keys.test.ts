import { createRotatingFetch, type RotatingFetch, type RotatingFetchOptions, type Store } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";
import { SharedStore } from "./shared-store.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const origin = "https://api.example.test";
/** A dead key is to be asked so often at most. */
const most = 30;

type Refusal = readonly [status: number, body: object];

/** Refusals that do not say, or not surely enough, that the key is dead; none is given up for them. */
const refusals: Record<string, Refusal> = {
  "a bare 401": [401, {}],
  "words nobody knows under 400": [400, { error: "E-7712" }],
  "words nobody knows under 418": [418, { error: "nope" }],
  "a bare 403": [403, {}],
  "a quota of the day without an end": [429, { error: { message: "You exceeded your daily quota." } }],
};

/** Four keys, the first of which is dead, in so many processes; each call is made by the next of them. */
class World {
  readonly clock = new FakeClock();
  readonly #fetches: readonly RotatingFetch[];
  isDead = true;
  asked = 0;
  lost = 0;
  #turn = 0;

  constructor(
    [status, body]: Refusal,
    stores: (clock: FakeClock) => readonly Store[],
    options?: Partial<RotatingFetchOptions>,
  ) {
    const secrets = Array.from({ length: 4 }, newSecret);
    const answer = (_url: unknown, init?: RequestInit): Promise<Response> => {
      const isFirst = new Headers(init?.headers).get("authorization")?.includes(secrets[0] as string) === true;
      if (isFirst) this.asked++;
      return Promise.resolve(isFirst && this.isDead ? Response.json(body, { status }) : Response.json({ fine: true }));
    };
    const shared = {
      keys: secrets,
      baseURL: origin,
      clock: this.clock,
      random: () => 0.5,
      fetch: answer,
      egress: "here",
    };
    this.#fetches = stores(this.clock).map((store) => createRotatingFetch({ ...shared, store, ...options }));
  }

  /** A call every so often. */
  async pass(ms: number, everyMs: number): Promise<void> {
    for (const end = this.clock.monotonic() + ms; this.clock.monotonic() < end; await this.clock.advance(everyMs)) {
      const fetch = this.#fetches[this.#turn++ % this.#fetches.length] as RotatingFetch;
      if ((await fetch(origin)).status !== 200) this.lost++;
    }
  }
}

const alone = (clock: FakeClock): readonly Store[] => [new MemoryStore({ clock, random: () => 0.5 })];
const three = (clock: FakeClock): readonly Store[] => {
  const store = new SharedStore(clock);
  return [store.door(), store.door(), store.door()];
};

describe("a dead key that nobody may give up", () => {
  it.each(Object.keys(refusals))(`is asked at most ${most} times a day, when it answers %s`, async (name) => {
    const world = new World(refusals[name] as Refusal, alone);
    await world.pass(day, 30_000);
    expect(world.asked).toBeLessThanOrEqual(most);
    expect(world.asked).toBeGreaterThan(10);
    expect(world.lost).toBe(0);
  });

  it("is asked a little more often where three processes must each learn what its words mean", async () => {
    const world = new World(refusals["words nobody knows under 418"] as Refusal, three);
    await world.pass(day, 15_000);
    expect(world.asked).toBeLessThanOrEqual(1.5 * most);
    expect(world.lost).toBe(0);
  });
});

describe("a good key that was refused for a while", () => {
  it.each([
    ["a bare 401", 1, 2],
    ["a bare 401", 10, 10],
    ["a bare 403", 10, 20],
  ])("by %s for %i minutes is back within %i more, and then serves as much as ever", async (name, outage, within) => {
    const world = new World(refusals[name] as Refusal, alone);
    await world.pass(outage * minute, 5000);
    world.isDead = false;
    await world.pass(within * minute, 5000);
    const before = world.asked;
    await world.pass(minute, 1000);
    expect(world.asked - before).toBeGreaterThanOrEqual(14);
  });
});
