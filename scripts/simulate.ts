/**
 * Lets random worlds happen and says whether the promises were kept.
 *
 * npm run simulate -- --seed 17            one world's story
 * npm run simulate -- --worlds 100         the worlds of the seeds from 1 on, as a table
 * npm run simulate -- --worlds 100 --from 500 --verbose
 */
import { parseArgs } from "node:util";
import { describeWorld } from "../test/simulator/description.ts";
import { simulate } from "../test/simulator/engine.ts";
import { judge, percent } from "../test/simulator/verdicts.ts";
import { generateWorld } from "../test/simulator/world-generator.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    worlds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
  },
});

const failed: number[] = [];
const shares = new Map<string, number[]>();
const totals = { grants: 0, asked: 0, unpromised: 0, idle: 0 };

async function happen(seed: number, isTold: boolean): Promise<void> {
  const world = generateWorld(seed);
  const run = await simulate(world).catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
  const { complaints, utilisation, unpromised } = judge(world, run);
  const { grants, asked, exhausted, aborted, events, tookMs } = run;
  totals.grants += grants.length;
  totals.asked += asked;
  totals.unpromised += unpromised;
  if (world.purpose === "saturated" && utilisation === undefined) totals.idle++;
  if (utilisation !== undefined) shares.set(utilisation.of, [...(shares.get(utilisation.of) ?? []), utilisation.share]);
  if (complaints.length > 0) failed.push(seed);
  if (!isTold && complaints.length === 0) return;
  console.log(describeWorld(world));
  console.log(
    `${asked} asked, ${grants.length} served, ${exhausted} exhausted, ${aborted} given up, ${unpromised} refused beyond any promise`,
  );
  if (utilisation !== undefined) console.log(`${percent(utilisation.share)} of ${utilisation.of} used`);
  console.log(`${events} events in ${tookMs.toFixed(0)} ms`);
  for (const complaint of complaints) console.log(`WRONG: ${complaint}`);
  console.log("");
}

if (values.seed !== undefined) {
  await happen(Number(values.seed), true);
} else {
  const startedAt = performance.now();
  const from = Number(values.from);
  const to = from + Number(values.worlds);
  for (let seed = from; seed < to; seed++) {
    await happen(seed, values.verbose);
    const done = seed - from + 1;
    if (done % 200 === 0) console.log(`${done} worlds, ${failed.length} wrong, ${elapsed(startedAt)} s`);
  }
  console.log(`${to - from} worlds in ${elapsed(startedAt)} s: ${totals.asked} requests, ${totals.grants} served`);
  console.log(
    `${totals.unpromised} refused where nothing is promised, ${totals.idle} saturated worlds in which nobody waited`,
  );
  for (const [of, list] of shares) {
    const sorted = [...list].sort((one, other) => one - other);
    const mean = list.reduce((sum, share) => sum + share, 0) / list.length;
    console.log(`use of ${of}: ${list.length} worlds, mean ${percent(mean)}, least ${percent(sorted[0] as number)}`);
  }
  console.log(
    failed.length === 0 ? "none went wrong" : `${failed.length} went wrong: ${failed.slice(0, 50).join(" ")}`,
  );
}
if (failed.length > 0) process.exitCode = 1;

function elapsed(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
