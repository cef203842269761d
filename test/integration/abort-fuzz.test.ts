import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/testing/index.ts";
import { collectUnhandled } from "../support/unhandled.ts";
import { Draw, type Plan, planCall } from "./abort-plans.ts";
import { keptAnswers, makePools, type Pool } from "./abort-pools.ts";
import { AbortProvider, goodPieces, playHeaders } from "./abort-provider.ts";
import { AbortRun } from "./abort-run.ts";
import { UploadSources } from "./abort-uploads.ts";
import { verdictOn } from "./abort-verdict.ts";

const callCount = Number(process.env["ABORT_FUZZ_CALLS"] ?? 300);
const seed = Number(process.env["ABORT_FUZZ_SEED"] ?? Math.floor(Math.random() * 1e9));
const callsAtOnce = 40;

/** Collects garbage: answers that were dropped give back what they hold. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

interface Calls {
  readonly problems: readonly string[];
  /** Those whose answers were left alone: they keep their keys until garbage is collected. */
  readonly dropped: readonly Plan[];
  /** Names of those whose connections nobody was told to close until then. */
  readonly unread: readonly string[];
}

const mostDrops = 4;

/** Plans are drawn for each call by itself: how fast the others are changes nothing in them. */
async function makeCalls(pools: readonly Pool[], provider: AbortProvider, uploads: UploadSources): Promise<Calls> {
  const problems: string[] = [];
  const dropped: Plan[] = [];
  const unread: string[] = [];
  const drops = new Map<Pool, number>();
  // Those that are dropped are held on to meanwhile: more of them would take all places of a pool that counts them.
  const withFewDrops = (plan: Plan): Plan => {
    if (plan.reading !== "drop") return plan;
    const before = drops.get(plan.pool) ?? 0;
    drops.set(plan.pool, before + 1);
    return before < mostDrops ? plan : { ...plan, reading: "cancel" };
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < callCount) {
      const index = next++;
      const draw = new Draw(seededRandom(seed + 7_919 * index));
      const plan = withFewDrops(planCall(index, pools, draw, new Draw(seededRandom(seed - 1 - Math.floor(index / 8)))));
      const course = await new AbortRun(plan, provider, uploads).run();
      const problem = verdictOn(plan, course);
      if (plan.reading === "drop" && !course.isAborted) dropped.push(plan);
      if (plan.reading === "drop" && (plan.face.isDeaf || !course.isAborted)) unread.push(plan.name);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
  return { problems, dropped, unread };
}

function leftovers(
  pools: readonly Pool[],
  provider: AbortProvider,
  uploads: UploadSources,
  { dropped, unread }: Pick<Calls, "dropped" | "unread">,
): object {
  const droppedOf = (pool: Pool): number => dropped.filter((plan) => plan.pool === pool).length;
  // Where leases are shared, a lease that is held on to is renewed until garbage is collected.
  const timed = pools.filter((pool) => droppedOf(pool) === 0);
  const held = pools.filter((pool) => pool.rotator.inFlight > droppedOf(pool) || pool.rotator.waiting > 0);
  return {
    leases: held.map(({ name }) => name),
    timers: timed.flatMap(({ name, clock }) => clock.openTimers.map((ms) => `${name}: ${ms} ms`)),
    requests: provider.inProgress.filter((name) => !unread.includes(name)),
    uploads: uploads.open,
  };
}

/** What a pool may have told of its keys' failures: what its provider said, and nothing that an abort brought about. */
const told: Record<Pool["trouble"], RegExp> = {
  none: /^$/,
  refuse: /^(429|200) rate_limit$/,
  overloaded: /^503 overloaded$/,
  "long-pause": /^503 overloaded$/,
  "short-bounds": /^null timeout$/,
};

async function expectUntouched(pool: Pool, provider: AbortProvider): Promise<void> {
  const { name, trouble, rotator, failures, rests } = pool;
  const where = `pool ${name}, seed ${seed}`;
  const { keys, inFlight, waiting } = await rotator.snapshot();
  expect([inFlight, waiting], where).toEqual([0, 0]);
  expect(
    failures.filter((failure) => !told[trouble].test(failure)),
    where,
  ).toEqual([]);
  if (trouble !== "none" && trouble !== "short-bounds") {
    expect(failures.length, where).toBeLessThanOrEqual(provider.failuresTold.get(name) ?? 0);
  }
  expect(
    keys.reduce((sum, key) => sum + key.failures, 0),
    where,
  ).toBe(failures.length);
  if (trouble !== "none") return;
  expect(rests, where).toEqual([]);
  expect(
    keys.map(({ enabled, cooldowns }) => [enabled, cooldowns]),
    where,
  ).toEqual(keys.map(() => [true, []]));
}

async function expectToServe(pool: Pool, place: number): Promise<void> {
  const { rotator, name, trouble, faces, url } = pool;
  const where = `pool ${name}, seed ${seed}`;
  // Nobody waits for the end of a cooldown of half a minute.
  if (trouble === "long-pause") for (const { id } of (await rotator.snapshot()).keys) rotator.enable(id);
  const isFree = async (): Promise<boolean> => {
    const { keys } = await rotator.snapshot();
    const counted = keys.flatMap(({ limits }) => limits).filter(({ dimension }) => dimension !== "tokens");
    return keys.every(({ state }) => state === "ready") && counted.every(({ used }) => used === 0);
  };
  await expect.poll(isFree, { timeout: 4_000, message: `every key of ${where} is ready` }).toBe(true);
  const waits: number[] = [];
  rotator.on("key-selected", ({ waitedMs }) => waits.push(waitedMs));
  const call = `last-${place}`;
  const body = JSON.stringify({ model: "m" });
  const response = await (faces.at(-1) as Pool["faces"][number]).fetch(url, {
    method: "POST",
    body,
    headers: { ...playHeaders(call, [{ kind: "json" }]), "content-type": "application/json" },
  });
  expect([response.status, await response.text()], where).toEqual([
    200,
    goodPieces(call, { kind: "json" }, body.length).join(""),
  ]);
  expect(waits, where).toEqual([0]);
}

describe("calls that are aborted at random moments", () => {
  it("end at once with the signal's reason, and leave nothing behind", { timeout: 60_000 }, async () => {
    const unhandled = collectUnhandled();
    const provider = await new AbortProvider().start();
    const pools = makePools(provider, seededRandom(seed));
    const uploads = new UploadSources();
    const calls = await makeCalls(pools, provider, uploads);
    expect(calls.problems, `seed ${seed}`).toEqual([]);
    const nothing = { leases: [], timers: [], requests: [], uploads: [] };
    const left = (): object => leftovers(pools, provider, uploads, calls);
    await expect.poll(left, { timeout: 3_000, message: `seed ${seed}` }).toEqual(nothing);
    keptAnswers.length = 0;
    const leftAfterAll = (): object => {
      collectGarbage();
      return leftovers(pools, provider, uploads, { dropped: [], unread: [] });
    };
    await expect.poll(leftAfterAll, { timeout: 3_000, message: `seed ${seed}` }).toEqual(nothing);
    for (const pool of pools) await expectUntouched(pool, provider);
    for (const [place, pool] of pools.entries()) await expectToServe(pool, place);
    await expect.poll(() => provider.busyConnections(), { timeout: 3_000, message: `seed ${seed}` }).toBe(0);
    expect(provider.unusedConnections, `seed ${seed}`).toBeLessThanOrEqual(callsAtOnce);
    expect(unhandled, `seed ${seed}`).toEqual([]);
  });
});
