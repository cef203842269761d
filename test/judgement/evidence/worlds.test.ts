import { describe, expect, it } from "vitest";
import { type Outcome, play, type World } from "../../../scripts/worlds/world.ts";
import { worlds } from "../../../scripts/worlds/worlds.ts";
import { createRotatingFetch } from "../../../src/index.ts";
import { chatUrl, ok, rig } from "../../fetch/fixture.ts";

/** One of the worlds of `npm run worlds`, or what is made of it. */
function outcomeOf(name: string, changes: Partial<World> = {}): Promise<Outcome> {
  const world = worlds.find((one) => one.name === name);
  if (world === undefined) throw new Error(`Expected a world, got ${name}`);
  return play({ createRotatingFetch }, { ...world, ...changes }, 7);
}

describe("in a world of unknown dialects", () => {
  const halfADay = { requests: 1440, everyMs: 30_000 };

  it.each(["1 of 10 dead: 400", "1 of 10 dead: 403"])(
    "a dead account is asked some fifteen times in half a day, and nothing is lost: %s",
    async (name) => {
      const { lost, hammered, burnt } = await outcomeOf(name, { ...halfADay, accounts: 4 });
      expect({ lost, burnt }).toEqual({ lost: 0, burnt: 0 });
      expect(hammered).toBeLessThanOrEqual(18);
    },
  );

  it.each(["2 of 3 dead, alike: 400", "2 of 3 dead, alike: 403"])(
    "beyond half of the accounts a dead one comes last for as long as it would cool down: %s",
    async (name) => {
      const { lost, hammered } = await outcomeOf(name, halfADay);
      expect(lost).toBe(0);
      expect(hammered).toBeLessThanOrEqual(22);
    },
  );

  it("one good account behind nineteen dead ones is found: 19 of 20 dead, alike: 401", async () => {
    const { lost } = await outcomeOf("19 of 20 dead, alike: 401", { requests: 1440 });
    expect(lost).toBeLessThanOrEqual(38);
  });

  it("a declined card is charged once, and stops nobody", async () => {
    const { lost, wasted } = await outcomeOf("every 3rd card declined: a bare 402, POSTs", { requests: 600 });
    expect({ lost, wasted }).toEqual({ lost: 0, wasted: 0 });
  });

  it.each(["every 10th not permitted: 401", "outages of 1 to 6 minutes: 401"])(
    "a 401 that all accounts answer to a request is held against none: %s",
    async (name) => {
      const { lost, burnt } = await outcomeOf(name, { requests: 1300 });
      expect({ lost, burnt }).toEqual({ lost: 0, burnt: 0 });
    },
  );

  it("tells of a key of the account that cools down, whichever one answered", async () => {
    const { fetch, clock, rotator } = rig(({ key }) => (key === 1 ? new Response(null, { status: 418 }) : ok()), {
      keyCount: 4,
    });
    const told: unknown[] = [];
    const [, dead] = (await rotator.snapshot()).keys;
    rotator.on("key-cooled", ({ keyId }) => told.push(keyId));
    for (let call = 0; call < 40; call++) {
      await fetch(chatUrl);
      await clock.advance(5_000);
    }
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told)).toEqual(new Set([dead?.id]));
  });
});
