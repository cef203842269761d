import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError } from "../../../src/errors.ts";
import { KeyRotator } from "../../../src/named/key-rotator.ts";
import type { RotatorOptions } from "../../../src/named/options.ts";
import type { RotatorEvents } from "../../../src/pool/events.ts";
import type { KeyConfig } from "../../../src/pool/keys/key-config.ts";
import type { AcquireRequest } from "../../../src/pool/rotator-options.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { newSecret } from "../../support/test-keys.ts";
import { invalidKey, judged, named, rateLimit, settled, watch } from "./fixture.ts";
import { type Door, SharedStore } from "./shared-store.ts";

const hour = 3_600_000;

interface Process {
  readonly door: Door;
  readonly rotator: KeyRotator;
  readonly told: string[];
}

class SharedWorld {
  readonly clock = new FakeClock({ monotonic: 1_000_000 });
  readonly store = new SharedStore(this.clock);
  readonly keys: RotatorOptions["keys"];
  #processes = 0;

  constructor(keys: RotatorOptions["keys"]) {
    this.keys = keys;
  }

  begin(options: Partial<RotatorOptions> & { tellsAfter?: number } = {}): Process {
    const { tellsAfter, ...rest } = options;
    const door = this.store.door(tellsAfter);
    const random = seededRandom(++this.#processes);
    const rotator = new KeyRotator({ keys: this.keys, clock: this.clock, random, store: door, ...rest });
    const told: string[] = [];
    const tell =
      (name: string) =>
      ({ scope, elsewhere }: RotatorEvents["key-recovered"]): void => {
        told.push(`${name} ${scope}${elsewhere ? " elsewhere" : ""}`);
      };
    rotator.on("key-cooled", tell("cooled"));
    rotator.on("key-recovered", tell("recovered"));
    return { door, rotator, told };
  }

  rest(...scopes: readonly string[]): void {
    const set = { forMs: hour };
    this.store.inner.cooldown(
      scopes.map((scope) => ({ scope, set, reason: "rate_limit", source: "authoritative" }) as const),
    );
  }
}

async function use({ rotator }: Process, request: AcquireRequest = {}): Promise<string> {
  const lease = await rotator.acquire({ maxWaitMs: 0, ...request });
  lease.settle({ outcome: "success" });
  await settled();
  return lease.keyId;
}

/** The key a request gets is refused so. */
async function refuse({ rotator }: Process, classification = rateLimit(hour), request: AcquireRequest = {}) {
  const lease = await rotator.acquire({ maxWaitMs: 0, ...request });
  if (request.model !== undefined) lease.model = request.model;
  lease.settle({ outcome: "failure", classification });
  await settled();
  return lease.keyId;
}

const many = (count: number): string[] => Array.from({ length: count }, (_, place) => `k${place}`);

describe("KeyRotator over a store that others share", () => {
  it("finds the keys that are ready among many in cooldown, in a process that has just begun", async () => {
    const world = new SharedWorld(named(...many(1000)));
    world.rest(...many(1000).flatMap((id, place) => (place % 100 === 99 ? [] : [`account:generic/${id}`])));
    const fresh = world.begin();
    expect(Number((await use(fresh)).slice(1)) % 100).toBe(99);
    expect(fresh.door.asked).toBeLessThanOrEqual(3);
    const before = fresh.door.asked;
    for (let count = 0; count < 20; count++) await use(fresh);
    expect([fresh.door.asked - before, fresh.told]).toEqual([20, []]);
  });

  it("reads what is known of keys, accounts and credentials in parts of 500 scopes at most", async () => {
    const world = new SharedWorld(Array.from({ length: 700 }, newSecret).map((secret) => ({ secret, account: "one" })));
    const { door, rotator } = world.begin();
    (await rotator.acquire({})).settle({ outcome: "success" });
    await settled();
    expect(Math.max(...door.readings.map(({ length }) => length))).toBe(500);
    expect(new Set(door.readings.flat()).size).toBe(1401);
  });

  it("holds up nobody for a reading that never comes, or fails", async () => {
    const world = new SharedWorld(named("a"));
    const slow = world.begin();
    slow.door.beforeReading = () => new Promise(() => {});
    const waiting = watch(Promise.resolve(slow.rotator.acquire({})));
    await settled();
    expect(waiting.isDone).toBe(false);
    await world.clock.advance(250);
    await settled();
    expect(waiting.value?.keyId).toBe("a");
    expect(await use(slow)).toBe("a");
    const broken = world.begin();
    const failed: unknown[] = [];
    broken.rotator.on("internal-error", ({ part }) => failed.push(part));
    broken.door.beforeReading = () => Promise.reject(new Error("gone"));
    expect([await use(broken), await use(broken), failed]).toEqual(["a", "a", ["store"]]);
  });

  it("asks nothing of the store while all cool down", async () => {
    const world = new SharedWorld(named("a", "b"));
    world.rest("account:generic/a", "key:generic/b");
    const { door, rotator } = world.begin();
    await expect(rotator.acquire({ maxWaitMs: 0 })).rejects.toBeInstanceOf(AllKeysExhaustedError);
    expect(door.asked).toBe(0);
  });

  it("asks three times at most for one request, and no second time where a refusal taught nothing", async () => {
    const world = new SharedWorld(named(...many(200)));
    const { door, rotator, ...process } = world.begin({ tellsAfter: Number.POSITIVE_INFINITY });
    await use({ door, rotator, ...process });
    world.rest(...many(199).map((id) => `account:generic/${id}`));
    const before = door.asked;
    await expect(rotator.acquire({ maxWaitMs: 0 })).rejects.toBeInstanceOf(AllKeysExhaustedError);
    expect(door.asked - before).toBe(3);
    let asked = 0;
    door.reserve = async () => {
      asked++;
      return { granted: false, now: 0, retryAt: null, blocked: [] };
    };
    const one = new KeyRotator({ keys: named("a"), store: door, clock: world.clock });
    await expect(one.acquire({ maxWaitMs: 0 })).rejects.toBeInstanceOf(AllKeysExhaustedError);
    expect(asked).toBe(1);
  });

  it("reads what is known of keys that come later", async () => {
    const world = new SharedWorld(named("a"));
    const process = world.begin();
    await use(process);
    world.store.inner.cooldown([
      { scope: "key:generic/late", set: { forMs: hour }, reason: "x", source: "authoritative" },
    ]);
    await settled();
    process.rotator.add({ id: "late", secret: newSecret() });
    await settled();
    process.door.refused = 0;
    expect([await use(process), await use(process)]).toEqual(["a", "a"]);
    expect(process.door.readings.at(-1)).toContain("key:generic/late");
    expect((await process.rotator.snapshot()).ready).toBe(1);
    expect(process.door.refused).toBe(0);
  });

  const refusals: [name: string, keys: KeyConfig[], refusal: ReturnType<typeof judged>, request: AcquireRequest][] = [
    ["an account", named("a", "b"), rateLimit(hour), {}],
    ["a key", named("a", "b"), judged({ sharedBy: "key", retryAfterMs: hour }), {}],
    [
      "a key of several",
      named("a", "b").map((key) => ({ ...key, account: "one" })),
      judged({ sharedBy: "key", retryAfterMs: hour }),
      {},
    ],
    ["a credential", named("a", "b"), invalidKey, {}],
    ["a model", named("a", "b"), judged({ scope: "model", retryAfterMs: hour }), { model: "m" }],
  ];
  it.each(refusals)("leaves alone at once what another process saw refused: %s", async (_, keys, refusal, request) => {
    const world = new SharedWorld(keys);
    const [one, other] = [world.begin(), world.begin()];
    await use(one, request);
    await use(other, request);
    const refused = await refuse(one, refusal, request);
    expect(one.told).toEqual([expect.stringMatching(/^cooled \S+$/)]);
    expect(other.told).toEqual([`${one.told[0]} elsewhere`]);
    for (let count = 0; count < 4; count++) expect(await use(other, request)).not.toBe(refused);
    for (let count = 0; count < 4; count++) expect(await use(one, request)).not.toBe(refused);
    expect([one.door.refused, other.door.refused]).toEqual([0, 0]);
    expect(one.told).toHaveLength(1);
  });

  it("tells of its own change once, however late it hears of it", async () => {
    const world = new SharedWorld(named("a", "b"));
    const late = world.begin({ tellsAfter: 9 });
    await late.rotator.cooldown("a", hour);
    await settled();
    await late.rotator.cooldown("a", "end");
    await settled();
    await late.rotator.cooldown("a", hour);
    await late.rotator.cooldown("a", "end");
    expect([await use(late), await use(late)]).toContain("a");
    expect(late.told).toEqual(["cooled key:a", "recovered key:a", "cooled key:a", "recovered key:a"]);
  });

  it("leaves alone what it saw refused itself, where the store tells nobody", async () => {
    const process = new SharedWorld(named("a", "b")).begin({ tellsAfter: Number.POSITIVE_INFINITY });
    await refuse(process);
    const proposed = process.door.proposed;
    for (let count = 0; count < 4; count++) await use(process);
    expect([process.door.asked, process.door.proposed - proposed]).toEqual([5, 4]);
  });

  it("knows of cooldowns also where a model is asked for that has a list of its own", async () => {
    const world = new SharedWorld(named("a", "b").map((key) => ({ ...key, models: ["m", "n"] })));
    world.rest("account:generic/a");
    const { door, rotator } = world.begin();
    for (const model of ["m", "n"]) {
      const { proposed } = door;
      expect((await rotator.acquire({ model, maxWaitMs: 0 })).keyId).toBe("b");
      expect(door.proposed - proposed).toBe(1);
    }
  });

  it("holds nobody up behind a request for a model that was put into cooldown while it waited", async () => {
    const world = new SharedWorld(named("a"));
    const [one, other] = [world.begin(), world.begin()];
    await use(other);
    await one.rotator.cooldown("a", 1000);
    await settled();
    const [resting, ready] = ["m", "n"].map((model) => watch(Promise.resolve(other.rotator.acquire({ model }))));
    world.store.inner.cooldown([
      { scope: "model:generic/a|m", set: { forMs: 3000 }, reason: "rate_limit", source: "authoritative" },
    ]);
    await settled();
    const advance = async (ms: number): Promise<void> => {
      for (let step = 0; step < ms; step += 50) {
        await world.clock.advance(50);
        await settled();
      }
    };
    await advance(1300);
    expect([ready?.isDone, resting?.isDone]).toEqual([true, false]);
    await advance(4000);
    expect(resting?.value?.keyId).toBe("a");
  });

  it("serves other models of an account of which one cools down for another process", async () => {
    const world = new SharedWorld(named("a"));
    const [one, other] = [world.begin(), world.begin({ tellsAfter: Number.POSITIVE_INFINITY })];
    await refuse(one, judged({ scope: "model", retryAfterMs: hour }), { model: "m" });
    expect(await use(other, { model: "n" })).toBe("a");
    await expect(other.rotator.acquire({ model: "m" })).rejects.toBeInstanceOf(AllKeysExhaustedError);
    const { asked } = other.door;
    await expect(other.rotator.acquire({ model: "m", maxWaitMs: 0 })).rejects.toBeInstanceOf(AllKeysExhaustedError);
    expect([await use(other, { model: "n" }), other.door.asked - asked]).toEqual(["a", 1]);
  });

  it("finds the one account for which a model does not cool down, where nobody here asked for it before", async () => {
    const world = new SharedWorld(named(...many(200)));
    world.rest(...many(199).map((id) => `model:generic/${id}|m`));
    const { door, rotator } = world.begin();
    const lease = await rotator.acquire({ model: "m", maxWaitMs: 0 });
    expect([lease.keyId, door.asked]).toEqual(["k199", expect.toSatisfy((asked: number) => asked <= 3)]);
  });

  it("serves who waits as soon as an operator of another process ends the rest", async () => {
    const world = new SharedWorld(named("a"));
    const [one, other] = [world.begin(), world.begin()];
    await use(other);
    await one.rotator.cooldown("a", 5000);
    await settled();
    const waiting = watch(Promise.resolve(other.rotator.acquire({})));
    await settled();
    expect(waiting.isDone).toBe(false);
    await one.rotator.cooldown("a", "end");
    await settled();
    expect(waiting.value?.keyId).toBe("a");
    expect(other.told).toEqual(["cooled key:a elsewhere", "recovered key:a elsewhere"]);
    expect(one.told).toEqual(["cooled key:a", "recovered key:a"]);
  });

  it("finds out about that in about a second where the store tells nobody", async () => {
    const world = new SharedWorld(named("a"));
    const [one, other] = [world.begin(), world.begin({ tellsAfter: Number.POSITIVE_INFINITY })];
    await one.rotator.cooldown("a", 8000);
    const waiting = watch(Promise.resolve(other.rotator.acquire({})));
    await settled();
    await one.rotator.cooldown("a", "end");
    await settled();
    expect(waiting.isDone).toBe(false);
    for (let step = 0; step < 16 && !waiting.isDone; step++) {
      await world.clock.advance(100);
      await settled();
    }
    expect(waiting.value?.keyId).toBe("a");
    waiting.value?.settle({ outcome: "success" });
    await settled();
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("does not take up again what was read before it was ended", async () => {
    const world = new SharedWorld(named("a"));
    const [one, other] = [world.begin(), world.begin()];
    await one.rotator.cooldown("a", hour);
    let go = (): void => {};
    other.door.beforeReading = () =>
      new Promise((resolve) => {
        go = resolve;
      });
    const waiting = watch(Promise.resolve(other.rotator.acquire({ maxWaitMs: 0 })));
    await settled();
    await one.rotator.cooldown("a", "end");
    await settled();
    go();
    await settled();
    expect(waiting.value?.keyId).toBe("a");
  });

  it("gives each process an address of its own, unless they leave from the same", async () => {
    const limits = [{ requests: 1, per: "hour", scope: "ip" }] as const;
    const apart = new SharedWorld(named("a"));
    const processes = [apart.begin({ limits }), apart.begin({ limits })];
    expect([await use(processes[0] as Process), await use(processes[1] as Process)]).toEqual(["a", "a"]);
    const together = new SharedWorld(named("a"));
    const egress = "office";
    await use(together.begin({ limits, egress }));
    await expect(use(together.begin({ limits, egress }))).rejects.toBeInstanceOf(AllKeysExhaustedError);
    expect(() => together.begin({ egress: " " })).toThrow(expect.objectContaining({ field: "egress" }));
  });
});
