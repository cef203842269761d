import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError } from "../../../src/errors.ts";
import { MemoryStore } from "../../../src/limits/memory/memory-store.ts";
import type { Store } from "../../../src/limits/store.ts";
import type { Lease } from "../../../src/pool/lease.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { nextMacrotask } from "../../../src/testing/next-macrotask.ts";
import { named, RotatorWorld, settled, watch } from "./fixture.ts";
import { SharedStore } from "./shared-store.ts";

const stores: readonly { readonly name: string; readonly make: (clock: FakeClock) => Store }[] = [
  { name: "a store that answers at once", make: (clock) => new MemoryStore({ clock, random: () => 0 }) },
  { name: "a store that answers later", make: (clock) => new SharedStore(clock).door() },
  { name: "a store that answers together", make: (clock) => batched(clock) },
  {
    name: "a store that answers later about one",
    make: (clock) => Object.assign(new SharedStore(clock).door(), { candidatesPerReserve: 1 }),
  },
];

/** Answers all that was asked in one turn together, as a server does to which one message was sent. */
function batched(clock: FakeClock, inner = new MemoryStore({ clock, random: () => 0 })): Store {
  let asked: (() => void)[] = [];
  const later = <T>(answer: () => T): Promise<T> =>
    new Promise((resolve) => {
      if (asked.length === 0) {
        nextMacrotask().then(() => {
          const answers = asked;
          asked = [];
          for (const give of answers) give();
        });
      }
      asked.push(() => resolve(answer()));
    });
  return {
    candidatesPerReserve: 16,
    reserve: (candidates, options) => later(() => inner.reserve(candidates, options)),
    settle: (reports) => later(() => inner.settle(reports)),
    cooldown: (changes) => later(() => inner.cooldown(changes)),
    read: (scopes, buckets) => later(() => inner.read(scopes, buckets)),
  };
}

/** 10 tokens are free in 400 ms, all 100 in 1900 ms; nobody waits for longer than a second. */
async function nearlyFull(make: (clock: FakeClock) => Store): Promise<{
  readonly world: RotatorWorld;
  readonly ask: (tokens: number) => Promise<Lease>;
}> {
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const store = make(clock);
  const limits = [{ tokens: 100, per: 2000 }];
  const world = new RotatorWorld(() => store, named("a"), { clock, store, limits, guardMs: 0, maxWaitMs: 1000 });
  const ask = async (tokens: number): Promise<Lease> => world.take({ tokens: { input: tokens, output: 0 } });
  const use = async (tokens: number): Promise<void> => {
    (await ask(tokens)).settle({ outcome: "success", usage: { inputTokens: tokens, outputTokens: 0 } });
    await settled();
  };
  await use(10);
  await world.advance(1500);
  await use(85);
  await world.advance(100);
  return { world, ask };
}

describe.each(stores)("Requests that ask in the same turn, over $name", ({ make }) => {
  const sizes = [6, 10].flatMap((small) => [30, 100].map((large) => ({ small, large })));

  it.each(sizes)(
    "does not judge one for $small tokens by one for $large, whichever comes first",
    async ({ small, large }) => {
      for (const order of [
        [small, large],
        [large, small],
        [large, small, large],
      ]) {
        const { world, ask } = await nearlyFull(make);
        const asked = order.map((tokens) => ({ tokens, answer: watch(ask(tokens)) }));
        await settled();
        const told = asked.map(({ tokens, answer }) => [tokens, answer.error instanceof AllKeysExhaustedError]);
        expect(told).toEqual(order.map((tokens) => [tokens, tokens === large]));
        for (const { tokens, answer } of asked) {
          const { retryAfterMs } = (answer.error ?? {}) as AllKeysExhaustedError;
          if (tokens === large) expect(retryAfterMs).toBeGreaterThan(1500);
        }
        await world.advance(450);
        expect(asked.find(({ tokens }) => tokens === small)?.answer.value?.keyId).toBe("a");
      }
    },
  );
});
