import { check, checkEqual } from "./assertions.ts";
import {
  anchored,
  type ContractSuite,
  type ContractWorld,
  candidate,
  concurrency,
  rolling,
  times,
} from "./contract-world.ts";

/** A caller's own limits, beside those of the account that serves it. */
export function callerContract({ test }: ContractSuite): void {
  test("takes from account and caller together, or from none", async (world) => {
    const [account, tenant] = [rolling("a#requests", 5), rolling("tenant:t#requests", 2)];
    const wanted = { ...candidate("a", account), callerNeeds: [{ bucket: tenant, amount: 1 }] };
    await world.granted(wanted);
    await world.granted(wanted);
    checkEqual((await world.refused(wanted)).blocked[0]?.by, tenant.id, "who refuses");
    checkEqual([(await world.bucket(account)).used, (await world.bucket(tenant)).used], [2, 2], "used");
    await world.granted(candidate("a", account));
  });

  test("refuses by the account first, and takes nothing of the caller then", async (world) => {
    const [account, tenant] = [rolling("a#requests", 1), rolling("tenant:t#requests", 9)];
    const wanted = { ...candidate("a", account), callerNeeds: [{ bucket: tenant, amount: 1 }] };
    await world.granted(wanted);
    checkEqual((await world.refused(wanted)).blocked[0]?.by, account.id, "who refuses");
    checkEqual((await world.bucket(tenant)).used, 1, "used of the caller's");
  });

  test("counts each caller's apart, and settles what it took", async (world) => {
    const places = concurrency("a#places", 5);
    const asking = (tenant: string): ReturnType<typeof candidate> => ({
      ...candidate("a", places),
      callerNeeds: [
        { bucket: rolling(`tenant:${tenant}#cost`, 1000, "cost"), amount: 600 },
        { bucket: concurrency(`tenant:${tenant}#places`, 1), amount: 1 },
      ],
    });
    const one = await world.granted(asking("one"));
    await world.granted(asking("other"));
    await world.refused(asking("one"));
    await world.settle(one, { amounts: { cost: 250 } });
    checkEqual((await world.bucket(rolling("tenant:one#cost", 1000, "cost"))).used, 250, "cost of the one");
    checkEqual((await world.bucket(rolling("tenant:other#cost", 1000, "cost"))).used, 600, "cost of the other");
    await world.granted(asking("one"));
  });

  test("counts whatever a dimension is called, by the amounts an answer tells", async (world) => {
    const [images, cost] = [rolling("a#images", 10, "images"), rolling("a#cost", 5_000_000, "cost")];
    const wanted = candidate("a", { bucket: images, amount: 4 }, { bucket: cost, amount: 40_000 });
    await world.settle(await world.granted(wanted), { amounts: { images: 3, cost: 1_234_567, tokens: 9 } });
    checkEqual([(await world.bucket(images)).used, (await world.bucket(cost)).used], [3, 1_234_567], "used");
    const again = await world.granted(wanted);
    checkEqual(again.readyAt - again.reservedAt, 0, "readyAt - reservedAt while any amount fits");
  });
}

/** What somebody who knows says of a window. */
export function raisingContract({ test }: ContractSuite): void {
  const raise = async (
    world: ContractWorld,
    ...atLeast: Parameters<typeof world.store.settle>[1] & object
  ): Promise<void> => {
    await world.store.settle([], atLeast);
    await world.store.read([], []);
  };

  for (const bucket of [rolling("a#rolling", 10), anchored("a#anchored", 10)]) {
    test(`counts at least what is said to be used, for a window (${bucket.kind})`, async (world) => {
      await world.settle(await world.granted(candidate("a", bucket)));
      await raise(world, { bucket, used: 8 });
      checkEqual((await world.bucket(bucket)).used, 8, "used");
      checkEqual(await world.room(candidate("a", bucket)), 2, "room");
      await world.advance(times.windowMs + times.guardMs + world.slackMs + 1);
      checkEqual(await world.room(candidate("a", bucket)), 10, "room a window later");
    });

    test(`never lowers what is counted (${bucket.kind})`, async (world) => {
      for (let count = 0; count < 6; count++) await world.granted(candidate("a", bucket));
      await raise(world, { bucket, used: 2 });
      checkEqual((await world.bucket(bucket)).used, 6, "used");
    });
  }

  test("goes above the limit, and leaves nothing then", async (world) => {
    const [bucket, permits] = [rolling("a#requests", 3), concurrency("a#permits", 3)];
    await raise(world, { bucket, used: 40 }, { bucket: permits, used: 3 });
    checkEqual((await world.bucket(bucket)).left, 0, "left");
    await world.refused(candidate("a", bucket));
    checkEqual((await world.bucket(permits)).used, 0, "permits held, of which nobody else can say anything");
  });
}

export function pinContract({ test }: ContractSuite): void {
  test("gives back what was put last, until it ends", async ({ store }) => {
    const { pins } = store;
    check(pins !== undefined, "a store that claims `pins` to have them");
    checkEqual(await pins.get("a"), undefined, "what was never put");
    await pins.put("a", "first", 5000);
    await pins.put("a", "second", 5000);
    await pins.put("b:{c}|", "", 60_000);
    checkEqual([await pins.get("a"), await pins.get("b:{c}|")], ["second", ""], "values");
  });

  test("forgets what has ended", async (world) => {
    await world.store.pins?.put("a", "value", 3000);
    await world.advance(3000 + world.slackMs + 1);
    checkEqual(await world.store.pins?.get("a"), undefined, "value");
  });
}

export function claimContract({ test }: ContractSuite): void {
  test("gives what is claimed to the first that asks, for as long as it says", async (world) => {
    const claim = async (name: string): Promise<boolean | undefined> => world.store.claim?.(name, 4000);
    checkEqual([await claim("a"), await claim("a"), await claim("b")], [true, false, true], "claims");
    await world.advance(4000 + world.slackMs + 1);
    checkEqual(await claim("a"), true, "the claim when the one before has ended");
  });
}

/** One of two handles. */
export function sharedClaimContract({ test }: ContractSuite): void {
  test("gives what is claimed to one of both", async (one) => {
    const other = await one.another();
    const asked = await Promise.all([one, other, one, other].map(async ({ store }) => store.claim?.("a", 4000)));
    checkEqual(asked.filter((isMine) => isMine === true).length, 1, "claims");
  });
}

export function sharedPinContract({ test }: ContractSuite): void {
  test("has what the other handle put", async (one) => {
    const other = await one.another();
    await one.store.pins?.put("a", "value", 60_000);
    checkEqual(await other.store.pins?.get("a"), "value", "value");
  });
}
