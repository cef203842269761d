import { type Bucket, type Dumpable, isDumpable, type Store, type StoreDump } from "../../limits/store.ts";
import { isError } from "../../realms.ts";
import { FakeClock } from "../fake-clock.ts";
import { seededRandom } from "../seeded-random.ts";
import { check, checkEqual, checkNear } from "./assertions.ts";
import {
  anchored,
  ContractWorld,
  candidate,
  concurrency,
  ladder,
  rolling,
  type StoreContractOptions,
  type StoreMaker,
  times,
} from "./contract-world.ts";
import type { TestRunner } from "./test-runner.ts";

const { windowMs, guardMs } = times;
const dayMs = 24 * 3_600_000;

/** A world whose process can end: its state goes on in another store, whose monotonic time began elsewhere. */
interface MortalWorld {
  readonly world: ContractWorld;
  readonly dump: () => Promise<StoreDump>;
  /** Ends it, and goes on `downMs` later. */
  readonly restart: (downMs?: number) => Promise<ContractWorld>;
  /** A store nobody has used. */
  readonly fresh: () => Promise<ContractWorld>;
}

/** For stores that have `dump` and `load`. */
export function dumpingContract(runner: TestRunner, makeStore: StoreMaker, options: StoreContractOptions): void {
  const test = mortalTest(runner, makeStore, options);
  windowTests(test);
  whatEndsTests(test);
  refusalTests(test);
}

type Test = (name: string, body: (mortal: MortalWorld) => Promise<void>) => void;

function mortalTest(runner: TestRunner, makeStore: StoreMaker, options: StoreContractOptions): Test {
  return (name, body) => runner.it(name, () => withMortalWorld(makeStore, options, body));
}

function windowTests(test: Test): void {
  test("goes on with a rolling window after a restart", async ({ world, restart }) => {
    const wanted = candidate("a", rolling("a#requests", 2));
    await world.settle(await world.granted(wanted), { headersAfterMs: 50 });
    await world.advance(4000);
    await world.settle(await world.granted(wanted), { headersAfterMs: 50 });
    const next = await restart(1000);
    await freeAbout(next, windowMs + 50 - 5000, wanted);
    await freeAbout(next, 4000 - next.slackMs - 1, wanted);
  });

  test("keeps the full guard for what had no answer when its process ended", async ({ world, restart }) => {
    const wanted = candidate("a", rolling("a#requests", 1));
    await world.granted(wanted);
    await freeAbout(await restart(1000), windowMs + guardMs - 1000, wanted);
  });

  test("keeps the start of an anchored window", async ({ world, restart }) => {
    const wanted = candidate("a", anchored("a#requests", 2));
    await world.granted(wanted);
    await world.advance(3000);
    const next = await restart(2000);
    checkEqual(await next.room(wanted), 1, "room after the restart");
    await freeAbout(next, windowMs + guardMs - 5000, wanted);
  });
}

/** And whose wall clock can be moved. */
export function calendarDumpingContract(
  runner: TestRunner,
  makeStore: StoreMaker,
  options: StoreContractOptions,
): void {
  const test = mortalTest(runner, makeStore, options);

  test("does not hand out a day's quota twice", async ({ world, restart }) => {
    const wanted = candidate("a", today(world, 5));
    for (let count = 0; count < 3; count++) await world.granted(wanted);
    const noon = await restart(dayMs / 4);
    checkEqual(await noon.room(wanted), 2, "room after a restart on the same day");
  });

  test("gives the next day's quota in full", async ({ world, restart }) => {
    const bucket = today(world, 5);
    for (let count = 0; count < 3; count++) await world.granted(candidate("a", bucket));
    const next = await restart(dayMs);
    checkEqual(await next.room(candidate("a", { ...bucket, edges: today(next, 5).edges })), 5, "room on the next day");
  });
}

function whatEndsTests(test: Test): void {
  test("drops what expired while nobody ran", async ({ world, restart }) => {
    const wanted = candidate("a", rolling("a#rolling", 1), anchored("a#anchored", 1));
    await world.granted(wanted);
    await world.cool("key:a", { forMs: 3000 });
    const next = await restart(windowMs + guardMs + 1);
    checkEqual(await next.room(wanted), 1, "room");
    checkEqual(await next.restMs("key:a"), 0, "the cooldown left");
  });

  test("does not take concurrency over: what was under way ended with its process", async ({ world, restart }) => {
    const wanted = candidate("a", concurrency("a#concurrency", 1));
    await world.granted(wanted);
    await (await restart()).granted(wanted);
  });

  test("keeps a cooldown with all that is known of it", async ({ world, restart }) => {
    await world.cool("key:a", { forMs: 60_000 }, "authoritative");
    const next = await restart(20_000);
    checkNear(await next.restMs("key:a"), 40_000, next.slackMs, "the cooldown left");
    const state = await next.state("key:a");
    checkEqual([state?.reason, state?.source], ["rate_limit", "authoritative"], "reason and source");
    await next.cool("key:a", "end", "heuristic");
    await next.refused(candidate("a"));
  });

  test("goes on with a backoff schedule", async ({ world, restart }) => {
    const attemptStartedAt = (await world.granted(candidate("b"))).reservedAt;
    await world.cool("key:a", ladder(attemptStartedAt));
    const next = await restart(2000);
    await next.advance(10);
    await next.cool("key:a", ladder((await next.granted(candidate("b"))).reservedAt));
    checkNear(await next.restMs("key:a"), 2000, next.slackMs, "the second step");
  });

  test("keeps a cooldown without an end", async ({ world, restart }) => {
    await world.cool("key:a", { forMs: Number.POSITIVE_INFINITY }, "operator");
    await (await restart(365 * dayMs)).refused(candidate("a"));
  });
}

function refusalTests(test: Test): void {
  test("refuses a dump of another format, version or shape, and is as it was", async ({ world, dump, fresh }) => {
    await world.granted(candidate("a", rolling("a#requests", 1)));
    const { format, version, state } = await dump();
    const next = await fresh();
    const foreign: unknown[] = [
      { format: "something-else", version, state },
      { format, version: version + 1, state },
      { format, version },
      { format, version, state: [] },
      null,
    ];
    for (const each of foreign) await refusesToLoad(next, each as StoreDump);
    checkEqual(await next.room(candidate("a", rolling("a#requests", 1))), 1, "room");
  });

  test("refuses a dump when it is in use already, and is as it was", async ({ world, dump, fresh }) => {
    const wanted = candidate("a", rolling("a#requests", 3));
    await world.granted(wanted);
    const next = await fresh();
    await next.granted(wanted);
    await refusesToLoad(next, await dump());
    checkEqual(await next.room(wanted), 2, "room");
  });
}

function dumpable(store: Store): Dumpable {
  check(isDumpable(store), "a store that claims `dumps` to have dump() and load()");
  return store;
}

async function refusesToLoad(world: ContractWorld, dump: StoreDump): Promise<void> {
  const refused = await Promise.resolve()
    .then(() => dumpable(world.store).load(dump))
    .then(
      () => false,
      (error: unknown) => isError(error),
    );
  check(refused, "load() to refuse with an error what it cannot take over");
}

/** As `freeAfter`, a little late at most: times are dumped in whole milliseconds, rounded up. */
async function freeAbout(world: ContractWorld, ms: number, wanted: ReturnType<typeof candidate>): Promise<void> {
  const leadMs = Math.max(1, world.slackMs);
  await world.advance(ms - leadMs);
  await world.refused(wanted);
  await world.advance(leadMs + world.slackMs + 1);
  await world.granted(wanted);
}

/** A day that began six hours ago by the world's wall clock. */
function today(world: ContractWorld, limit: number): Bucket {
  const start = world.clock.wall() - dayMs / 4;
  const edges = [start, start + dayMs, start + 2 * dayMs] as const;
  return { id: "a#day", kind: "calendar", dimension: "requests", limit, guardMs, edges };
}

async function withMortalWorld(
  makeStore: StoreMaker,
  options: StoreContractOptions,
  body: (mortal: MortalWorld) => Promise<void>,
): Promise<void> {
  const worlds: ContractWorld[] = [];
  const open = async (clock: FakeClock): Promise<ContractWorld> => {
    const underTest = await makeStore({ clock, random: seededRandom(20_260_101) });
    const world = new ContractWorld(underTest, clock, options.slackMs ?? 0);
    worlds.push(world);
    return world;
  };
  const world = await open(new FakeClock({ monotonic: 5000 }));
  const { store } = world;
  const fresh = (): Promise<ContractWorld> => open(new FakeClock({ wall: world.clock.wall(), monotonic: 70 }));
  const dump = async (): Promise<StoreDump> => {
    const dumped = await dumpable(store).dump();
    return JSON.parse(JSON.stringify(dumped)) as StoreDump;
  };
  const restart = async (downMs = 0): Promise<ContractWorld> => {
    const dumped = await dump();
    await world.advance(downMs);
    const next = await fresh();
    await dumpable(next.store).load(dumped);
    return next;
  };
  try {
    await body({ world, dump, restart, fresh });
  } finally {
    for (const each of worlds) await each.close();
  }
}
