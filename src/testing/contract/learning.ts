import type { Bucket } from "../../limits/store.ts";
import { check, checkEqual, checkNear } from "./assertions.ts";
import { anchored, type ContractSuite, type ContractWorld, candidate, rolling, times } from "./contract-world.ts";

const { windowMs, guardMs } = times;

/** What a store does with a limit that a provider stated. */
export function learningContract(suite: ContractSuite): void {
  holdingTests(suite);
  orderTests(suite);
}

function holdingTests({ test }: ContractSuite): void {
  test("keeps to a limit that was stated lower, and counts what was taken before", async (world) => {
    for (const bucket of [rolling("a#rolling", 5), anchored("a#anchored", 5)]) {
      await world.granted(candidate("a", bucket));
      await observe(world, bucket, 2);
      checkEqual((await world.granted(candidate("a", bucket))).left, [0], `what is left of ${bucket.id}`);
      const { blocked } = await world.refused(candidate("a", bucket));
      checkEqual(
        blocked.map(({ by }) => by),
        [bucket.id],
        "what refuses",
      );
    }
  });

  test("reads what is left of a limit that was stated lower, and that limit", async (world) => {
    const [bucket, other] = [rolling("a#requests", 5), rolling("a#other", 5)];
    await world.granted(candidate("a", bucket));
    await observe(world, bucket, 3);
    const { buckets } = await world.store.read([], [bucket, other]);
    checkEqual(
      buckets.map(({ used, left, limit = 5 }) => [used, left, limit]),
      [
        [1, 2, 3],
        [0, 5, 5],
      ],
      "used, left and limit",
    );
    await world.advance(windowMs + world.slackMs + guardMs + 1);
    checkEqual((await world.bucket(bucket)).limit, undefined, "the limit a window later");
  });

  test("keeps to the stated limit for one window", async (world) => {
    const bucket = rolling("a#requests", 3);
    await world.granted(candidate("a", bucket));
    await world.advance(6000);
    await world.granted(candidate("a", bucket));
    await observe(world, bucket, 1);
    const { retryAt, now } = await world.refused(candidate("a", bucket));
    checkNear((retryAt ?? 0) - now, windowMs, world.slackMs, "the wait, which is no longer than the window");
    await world.freeAfter(windowMs, candidate("a", bucket));
    checkEqual((await world.bucket(bucket)).left, 1, "what is left of the limit that was asked with");
  });

  test("tells when it is ready again under the stated limit", async (world) => {
    const bucket = rolling("a#requests", 3);
    await observe(world, bucket, 2);
    await world.advance(3000);
    const first = await world.granted(candidate("a", bucket));
    checkEqual(first.readyAt - first.reservedAt, 0, "readyAt - reservedAt with room left");
    const second = await world.granted(candidate("a", bucket));
    checkNear(second.readyAt - second.reservedAt, windowMs - 3000, world.slackMs, "readyAt - reservedAt of the last");
  });

  test("takes no notice of a stated limit where a lower one is asked with", async (world) => {
    await observe(world, rolling("a#requests", 9), 4);
    checkEqual(await world.room(candidate("a", rolling("a#requests", 2))), 2, "room");
    checkEqual((await world.bucket(rolling("a#requests", 2))).limit, undefined, "the limit that is read");
  });

  test("reserves more than was stated as if it were all of it", async (world) => {
    const tokens = rolling("a#tokens", 100, "tokens");
    const much = candidate("a", { bucket: tokens, amount: 80 });
    await observe(world, tokens, 50);
    const little = await world.granted(candidate("a", { bucket: tokens, amount: 10 }));
    const { blocked, now } = await world.refused(much);
    check((blocked[0]?.until ?? 0) < now + windowMs + guardMs + 1, "a wait of no more than a window");
    checkEqual(blocked[0]?.anyUntil, now, "when less fits");
    await world.settle(little, { outcome: "failure", sent: "no" });
    checkEqual((await world.granted(much)).left, [-30], "what is left");
  });

  test("gives nothing of what was stated as none, until that ends", async (world) => {
    const bucket = rolling("a#requests", 2);
    await observe(world, bucket, 0);
    await world.freeAfter(windowMs, candidate("a", bucket));
  });
}

function orderTests({ test }: ContractSuite): void {
  test("goes by what was sent last, in whatever order it is told", async (world) => {
    const bucket = rolling("a#requests", 9);
    const [earlier, later] = [await sentNow(world), await sentNow(world)];
    await observe(world, bucket, 4, later);
    await observe(world, bucket, 2, earlier);
    checkEqual((await world.bucket(bucket)).left, 4, "left after an older one that came late");
    await observe(world, bucket, 6);
    checkEqual((await world.bucket(bucket)).left, 6, "left after a later one");
    await observe(world, bucket, 3);
    checkEqual((await world.bucket(bucket)).left, 3, "left after the latest one");
  });

  test("takes in what was sent earlier once that which was sent later holds no more", async (world) => {
    const bucket = rolling("a#requests", 9);
    const [earlier, later] = [await sentNow(world), await sentNow(world)];
    await observe(world, bucket, 4, later);
    await world.advance(windowMs + world.slackMs);
    await observe(world, bucket, 2, earlier);
    checkEqual((await world.bucket(bucket)).left, 2, "left");
  });

  test("goes by the limit that is asked with again when a higher one was stated", async (world) => {
    const bucket = rolling("a#requests", 5);
    await observe(world, bucket, 1);
    const earlier = await sentNow(world);
    await world.granted(candidate("a", bucket));
    await world.refused(candidate("a", bucket));
    await observe(world, bucket, 500);
    await observe(world, bucket, 1, earlier);
    checkEqual(await world.room(candidate("a", bucket)), 4, "room");
  });

  test("keeps each bucket's to itself, and lets several be told at once", async (world) => {
    const buckets = [rolling("a#requests", 5), rolling("b#requests", 5), rolling("c#requests", 5)];
    const [first, second] = buckets as [Bucket, Bucket];
    const sentAt = await sentNow(world);
    await world.store.observe?.([
      { bucket: first, limit: 1, sentAt },
      { bucket: second, limit: 2, sentAt },
    ]);
    const rooms: number[] = [];
    for (const bucket of buckets) rooms.push(await world.room(candidate("a", bucket)));
    checkEqual(rooms, [1, 2, 5], "room");
  });
}

export function calendarLearningContract({ test }: ContractSuite): void {
  test("keeps to a limit stated for a calendar window until that ends", async (world) => {
    const start = world.clock.wall() - 10_000;
    const edges = [start, start + 60_000, start + 120_000] as const;
    const bucket: Bucket = { id: "a#c", kind: "calendar", dimension: "requests", limit: 4, guardMs, edges };
    await observe(world, bucket, 2);
    checkEqual(await world.room(candidate("a", bucket)), 2, "room");
    await world.advance(49_900);
    await world.refused(candidate("a", bucket));
    await world.advance(100 + guardMs + world.slackMs);
    checkEqual(await world.room(candidate("a", bucket)), 4, "room in the next window");
  });
}

/** What one handle was told holds for the other. */
export function learningFromOthersContract({ test }: ContractSuite): void {
  test("keeps to a limit that the other handle was told", async (one) => {
    const other = await one.another();
    const bucket = rolling("a#requests", 5);
    await other.granted(candidate("a", bucket));
    await observe(one, bucket, 2);
    checkEqual((await other.bucket(bucket)).left, 1, "what the other one reads");
    checkEqual(await other.room(candidate("a", bucket)), 1, "room for the other one");
    await observe(other, bucket, 50);
    checkEqual(await one.room(candidate("a", bucket)), 3, "room after the other one was told more");
  });
}

/** A store's time, unlike any before. */
async function sentNow(world: ContractWorld): Promise<number> {
  await world.advance(1);
  return (await world.granted(candidate("sent"))).reservedAt;
}

/** As an answer has it to a request that was sent just now. What is told travels at the latest with the next question. */
async function observe(world: ContractWorld, bucket: Bucket, limit: number, sentAt?: number): Promise<void> {
  const observation = { bucket, limit, sentAt: sentAt ?? (await sentNow(world)) };
  check(world.store.observe !== undefined, "a store that claims `learns` to have observe()");
  await world.store.observe([observation]);
  await world.store.read([], []);
}
