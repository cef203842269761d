import type { StoreChange } from "../../limits/store.ts";
import { check, checkEqual, checkNear } from "./assertions.ts";
import {
  anchored,
  type ContractSuite,
  type ContractWorld,
  candidate,
  change,
  concurrency,
  ladder,
  rolling,
} from "./contract-world.ts";

type Handles = readonly [one: ContractWorld, other: ContractWorld];

/** What two handles on one state owe each other. */
export function sharedContract(suite: ContractSuite): void {
  const test = (name: string, body: (...handles: Handles) => Promise<void>): void =>
    suite.test(name, async (one) => body(one, await one.another()));
  countingTests(test);
  restingTests(test);
  standingTests(test);
}

type Test = (name: string, body: (...handles: Handles) => Promise<void>) => void;

function countingTests(test: Test): void {
  test("counts what one handle takes against the other's", async (one, other) => {
    const buckets = [rolling("a#rolling", 3), anchored("a#anchored", 3), concurrency("a#places", 3)];
    for (const bucket of buckets) {
      const wanted = candidate("a", bucket);
      await one.granted(wanted);
      checkEqual((await other.bucket(bucket)).used, 1, `what the other handle reads of ${bucket.id}`);
      await other.granted(wanted);
      checkEqual((await one.bucket(bucket)).left, 1, `what is left of ${bucket.id}`);
      await one.granted(wanted);
      await other.refused(wanted);
    }
  });

  test("grants exactly the limit to callers of both that come at once", async (one, other) => {
    const wanted = candidate("a", rolling("a#requests", 7), concurrency("a#places", 9));
    const asked = Array.from({ length: 24 }, (_, place) => (place % 2 === 0 ? one : other).reserve({ ...wanted }));
    checkEqual((await Promise.all(asked)).filter(({ granted }) => granted).length, 7, "granted reservations");
  });

  test("gives no two reservations one id", async (one, other) => {
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (const handle of [one, other]) ids.push((await handle.granted(candidate("a"))).id);
    }
    checkEqual(new Set(ids).size, ids.length, "how many different ids there are");
  });

  test("lets the other one have what an answer gave back", async (one, other) => {
    const tokens = rolling("a#tokens", 100, "tokens");
    const wanted = candidate("a", { bucket: tokens, amount: 80 }, concurrency("a#places", 1));
    const held = await one.granted(wanted);
    await other.refused(wanted);
    await one.settle(held, { amounts: { tokens: 20 } });
    await other.granted(wanted);
    checkEqual((await one.bucket(tokens)).left, 0, "tokens left");
  });

  test("gives back once what is settled twice, whoever took it meanwhile", async (one, other) => {
    const wanted = candidate("a", concurrency("a#places", 1));
    const held = await one.granted(wanted);
    await one.settle(held);
    await other.granted(wanted);
    await one.settle(held);
    await one.refused(wanted);
    await other.refused(wanted);
  });

  test("gives the place of a handle that never answers to the other when the lease expires", async (one, other) => {
    const wanted = candidate("a", concurrency("a#places", 1));
    const lost = await one.granted(wanted, { leaseMs: 4000 });
    await other.freeAfter(4000, wanted);
    await one.settle(lost);
    await one.refused(wanted);
  });
}

function restingTests(test: Test): void {
  const scope = "account:a";
  const key = candidate("a");
  const probe = { purpose: "probe", leaseMs: 4000 } as const;

  test("puts a scope into cooldown for both, and lets both end it", async (one, other) => {
    await one.granted(key);
    await other.granted(key);
    await one.cool(scope, { forMs: 9000 }, "authoritative");
    const refusal = await other.refused(key);
    checkEqual(refusal.blocked[0]?.by, scope, "who refuses the other");
    checkNear(await other.restMs(scope), 9000, other.slackMs, "the cooldown that the other reads");
    await other.cool(scope, { forMs: 2000 }, "authoritative");
    checkNear(await one.restMs(scope), 9000, one.slackMs, "the cooldown after a shorter one of the other");
    await other.cool(scope, "end", "operator");
    await one.granted(key);
  });

  test("counts failures and successes of both in a row", async (one, other) => {
    const failed = async (world: ContractWorld): Promise<void> => {
      const reservation = await world.granted(key);
      await world.advance(1);
      const cooldowns = [change(scope, ladder(reservation.reservedAt), "heuristic")];
      await world.settle(reservation, { outcome: "failure", cooldowns });
    };
    await failed(one);
    await one.advance(60_000);
    await failed(other);
    checkEqual((await one.state(scope))?.strikes, 2, "consecutive failures");
    await one.advance(60_000);
    await one.settle(await one.granted(key));
    checkEqual((await other.state(scope))?.strikes, 0, "consecutive failures after a success");
  });

  test("lets one probe at a time past a cooldown over both", async (one, other) => {
    await one.cool(scope, { forMs: 60_000 });
    const claimed = await one.granted(key, probe);
    await other.refused(key, probe);
    await one.settle(claimed, { outcome: "failure" });
    await other.granted(key, probe);
    await one.refused(key, probe);
    await one.freeAfter(4000, key, probe);
  });
}

function standingTests(test: Test): void {
  test("is at one time, whichever handle is asked", async (one, other) => {
    const [first, second] = [await one.store.read([], []), await other.store.read([], [])];
    checkNear(second.now - first.now, 0, one.slackMs, "the time between two readings at the same moment");
  });

  test("numbers the handles that live", async (one, other) => {
    for (let round = 0; round < 2; round++) for (const { shared } of [one, other]) await shared.renew();
    const standings = [one, other].map(({ shared }) => shared.sharing());
    const told = standings.map(({ state, instances }) => [state, instances]);
    checkEqual(
      told,
      [
        ["shared", 2],
        ["shared", 2],
      ],
      "state and instances",
    );
    checkEqual(standings.map(({ rank }) => rank).sort(), [0, 1], "ranks");
  });

  test("renews the leases of its own reservations alone", async (one, other) => {
    const bucket = concurrency("a#places", 2);
    const wanted = candidate("a", bucket);
    await one.granted(wanted, { leaseMs: 4000 });
    await other.granted(wanted, { leaseMs: 4000 });
    await one.advance(3000);
    await one.shared.renew();
    await one.advance(3000);
    checkEqual((await other.bucket(bucket)).used, 1, "permits held");
    await other.freeAfter(1000, { ...wanted, needs: [{ bucket, amount: 2 }] });
  });

  test("goes on for one when the other is closed", async (one, other) => {
    const wanted = candidate("a", rolling("a#requests", 2));
    await one.settle(await one.granted(wanted));
    await other.settle(await other.granted(wanted));
    await other.store.close?.();
    await one.refused(wanted);
    await one.freeAfter(10_000, wanted);
  });
}

/** What is told of changes by the handle itself, as several rotators may be on one. */
export function watchingContract({ test }: ContractSuite): void {
  test("tells of a cooldown that begins, until nobody wants to hear of it", (world) => tellsOfCooldowns(world, world));
  test("tells of a place that is given back", (world) => tellsOfReleases(world, world));
}

/** And by another handle on the same state. */
export function watchingOthersContract({ test }: ContractSuite): void {
  test("tells of a cooldown that the other handle sets", async (world) =>
    tellsOfCooldowns(world, await world.another()));
  test("tells of a place that the other handle gives back", async (world) =>
    tellsOfReleases(world, await world.another()));
}

async function tellsOfCooldowns(world: ContractWorld, actor: ContractWorld): Promise<void> {
  let rests = 0;
  const cool = (): Promise<void> => actor.cool("account:a", { forMs: 1000 * ++rests }, "authoritative");
  const isIt = (change: StoreChange): boolean =>
    change.type === "cooled" && change.state.scope === "account:a" && change.state.until > change.state.now;
  check(await world.told(isIt, cool), "watch() to tell of a scope that was put into cooldown");
  let told = 0;
  const stop = world.store.watch?.(() => {
    told++;
  });
  stop?.();
  check(await world.told(isIt, cool), "watch() to tell it again");
  checkEqual(told, 0, "how much a listener is told that has ended");
}

async function tellsOfReleases(world: ContractWorld, actor: ContractWorld): Promise<void> {
  const wanted = candidate("a", concurrency("a#places", 1));
  const release = async (): Promise<void> => void (await actor.settle(await actor.granted(wanted)));
  const isTold = await world.told(({ type }) => type === "freed", release);
  check(isTold, "watch() to tell that something was given back");
}

/** Nobody is left when the last handle is closed: what comes next finds what was. */
export function persistingContract({ test }: ContractSuite): void {
  test("has what was counted, and what cools down, again after it was closed", async (world) => {
    const [requests, tokens] = [rolling("a#requests", 3), rolling("a#tokens", 100, "tokens")];
    const wanted = candidate("a", requests, { bucket: tokens, amount: 40 });
    await world.settle(await world.granted(wanted), { amounts: { tokens: 25 } });
    await world.settle(await world.granted(wanted), { amounts: { tokens: 30 } });
    await world.cool("account:b", { forMs: 60_000 }, "authoritative");
    await world.store.close?.();
    const next = await world.another();
    const used = [(await next.bucket(requests)).used, (await next.bucket(tokens)).used];
    checkEqual(used, [2, 55], "requests and tokens used");
    checkNear(await next.restMs("account:b"), 60_000, next.slackMs, "the cooldown");
    await next.refused(candidate("b"));
    checkEqual(await next.room(candidate("a", requests)), 1, "room");
  });
}
