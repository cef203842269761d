import { checkEqual } from "./assertions.ts";
import { type ContractSuite, candidate, concurrency, rolling } from "./contract-world.ts";

const scope = "account:a";
const key = candidate("a");
const probe = { purpose: "probe", leaseMs: 4000 } as const;
const place = candidate("a", concurrency("a#concurrency", 1));

/** Within one process nobody dies alone: what is in flight stays so, however long it takes. */
export function processContract({ test }: ContractSuite): void {
  test("holds a permit for as long as its reservation is open, whatever `leaseMs` says", async (world) => {
    const slow = await world.granted(place, { leaseMs: 4000 });
    await world.advance(60_000);
    await world.refused(place);
    await world.settle(slow);
    await world.granted(place);
  });

  test("lets no other probe go while one is open, whatever `leaseMs` says", async (world) => {
    await world.cool(scope, { forMs: 90_000 });
    const slow = await world.granted(key, probe);
    await world.advance(60_000);
    await world.refused(key, probe);
    await world.settle(slow, { outcome: "failure" });
    await world.granted(key, probe);
  });
}

/** Among several, any may die: what it had in flight comes back with its leases. */
export function leaseContract(suite: ContractSuite): void {
  endTests(suite);
  renewalTests(suite);
}

function endTests({ test }: ContractSuite): void {
  test("gives a permit back when the lease ends", async (world) => {
    await world.granted(place, { leaseMs: 4000 });
    await world.freeAfter(4000, place);
  });

  test("tells of no permit whose lease has ended", async (world) => {
    const bucket = concurrency("a#concurrency", 2);
    await world.granted(candidate("a", bucket), { leaseMs: 4000 });
    await world.granted(candidate("a", bucket), { leaseMs: 9000 });
    await world.advance(4000 + world.slackMs);
    const { used, left } = await world.bucket(bucket);
    checkEqual([used, left], [1, 1], "permits held and left");
  });

  test("does not give a permit back a second time when its lease has ended", async (world) => {
    const ended = await world.granted(place, { leaseMs: 4000 });
    await world.advance(4000 + world.slackMs);
    await world.granted(place);
    await world.settle(ended);
    await world.refused(place);
  });

  test("does not take a permit again whose lease has ended for a request that is given up later", async (world) => {
    const bucket = concurrency("a#concurrency", 1);
    const ended = await world.granted(candidate("a", bucket), { leaseMs: 4000 });
    await world.advance(4000 + world.slackMs);
    await world.settle(ended, { outcome: "aborted" });
    checkEqual((await world.bucket(bucket)).used, 0, "permits held");
    await world.granted(candidate("a", bucket));
  });

  test("gives nothing of a window back when a lease ends", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1), concurrency("a#concurrency", 1));
    await world.granted(wanted, { leaseMs: 1000 });
    await world.advance(2000);
    checkEqual((await world.refused(wanted)).blocked[0]?.by, "a#requests", "who refuses");
  });

  test("corrects tokens by an answer that outlived its lease, too", async (world) => {
    const [tokens, permits] = [rolling("a#tokens", 1000, "tokens"), concurrency("a#concurrency", 2)];
    const late = await world.granted(candidate("a", { bucket: tokens, amount: 200 }, permits), { leaseMs: 1000 });
    await world.advance(1000 + world.slackMs);
    await world.granted(candidate("a", permits));
    await world.settle(late, { amounts: { tokens: 450 } });
    checkEqual((await world.bucket(tokens)).used, 450, "tokens used");
    checkEqual((await world.bucket(permits)).used, 1, "permits held");
  });

  test("lets the next probe go when the lease of the one before has ended", async (world) => {
    await world.cool(scope, { forMs: 60_000 });
    await world.granted(key, probe);
    await world.freeAfter(4000, key, probe);
  });
}

function renewalTests({ test }: ContractSuite): void {
  test("holds a permit for another lease from when it is renewed", async (world) => {
    const slow = await world.granted(place, { leaseMs: 4000 });
    for (let third = 0; third < 6; third++) {
      await world.advance(1333);
      await world.shared.renew();
    }
    await world.refused(place);
    await world.freeAfter(4000, place);
    await world.settle(slow);
    await world.refused(place);
  });

  test("renews a probe's claim as well", async (world) => {
    await world.cool(scope, { forMs: 60_000 });
    await world.granted(key, probe);
    await world.advance(3000);
    await world.shared.renew();
    await world.freeAfter(4000, key, probe);
  });

  test("renews nothing that was settled, and no lease that has ended", async (world) => {
    const bucket = concurrency("a#concurrency", 3);
    const wanted = candidate("a", bucket);
    await world.granted(wanted, { leaseMs: 1000 });
    const settled = await world.granted(wanted, { leaseMs: 4000 });
    await world.granted(wanted, { leaseMs: 4000 });
    await world.settle(settled);
    await world.advance(1000 + world.slackMs);
    await world.granted(wanted, { leaseMs: 4000 });
    await world.shared.renew();
    checkEqual((await world.bucket(bucket)).used, 2, "permits held");
  });
}
