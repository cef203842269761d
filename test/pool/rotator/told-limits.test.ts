import { describe, expect, it } from "vitest";
import { KeyRotator } from "../../../src/operate/key-rotator.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import type { Limit } from "../../../src/types.ts";
import { judged, named, settled } from "./fixture.ts";
import { type Door, SharedStore } from "./shared-store.ts";

interface Process {
  readonly door: Door;
  readonly rotator: KeyRotator;
}

/** Two processes with one key. */
function crew(limits: readonly Limit[]): { clock: FakeClock; one: Process; other: Process } {
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const store = new SharedStore(clock);
  const keys = named("a");
  const begin = (): Process => {
    const door = store.door();
    return { door, rotator: new KeyRotator({ keys, limits, clock, store: door, guardMs: 0 }) };
  };
  return { clock, one: begin(), other: begin() };
}

/** A refusal that states so many a minute. */
async function told({ rotator }: Process, amount: number, clock: FakeClock): Promise<void> {
  const lease = await rotator.acquire({ maxWaitMs: 0 });
  const limit = { amount, dimension: "requests", window: "minute" } as const;
  lease.settle({ outcome: "failure", classification: judged({ limit, retryAfterMs: 100 }) });
  await settled();
  await clock.advance(200);
  await settled();
}

async function room({ rotator }: Process): Promise<number> {
  for (let count = 0; count < 50; count++) {
    try {
      (await rotator.acquire({ maxWaitMs: 0 })).settle({ outcome: "success" });
      await settled();
    } catch {
      return count;
    }
  }
  return Number.POSITIVE_INFINITY;
}

const limitOf = async ({ rotator }: Process): Promise<unknown> => (await rotator.snapshot()).keys[0]?.limits[0];

describe("a limit that one process of a shared store was told", () => {
  it("holds for the others with their next request, and is shown there", async () => {
    const { clock, one, other } = crew([{ requests: 10 }]);
    await told(one, 3, clock);
    expect(await limitOf(other)).toMatchObject({ limit: 3, declared: 10, used: 1, left: 2 });
    expect((await other.rotator.forecast()).limits[0]).toMatchObject({ limit: 3, left: 2 });
    expect(await room(other)).toBe(2);
    expect(await room(one)).toBe(0);
  });

  it("holds for no longer than a window", async () => {
    const { clock, one, other } = crew([{ requests: 10 }]);
    await told(one, 3, clock);
    await clock.advance(60_000);
    await settled();
    expect(await limitOf(other)).toMatchObject({ limit: 10, left: 10 });
    expect(await room(other)).toBe(10);
  });

  it("ends when another process is told that there is more", async () => {
    const { clock, one, other } = crew([{ requests: 10 }]);
    await told(one, 3, clock);
    await told(other, 500, clock);
    expect(await limitOf(other)).toMatchObject({ limit: 10, left: 8 });
  });

  it("leaves other windows alone", async () => {
    const { clock, one, other } = crew([{ requests: 10, per: "hour" }]);
    await told(one, 3, clock);
    expect(await limitOf(other)).toMatchObject({ limit: 10 });
  });

  it("lowers it where it was told though the store cannot be, and says so", async () => {
    const { clock, one } = crew([{ requests: 10 }]);
    const failed: unknown[] = [];
    one.rotator.on("part-failed", ({ part }) => failed.push(part));
    one.door.observe = () => Promise.reject(new Error("gone"));
    await told(one, 3, clock);
    expect([failed, await room(one)]).toEqual([["store"], 2]);
  });
});
