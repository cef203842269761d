import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { roundsOf } from "../measure.ts";
import type { FirstFailover, Timed } from "../processes/first-failover.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import { printGoal, printTable, printTitle, spreadText } from "../table.ts";

const script = fileURLToPath(new URL("../processes/first-failover.ts", import.meta.url));

/**
 * What a failover costs over a stub. The first one of a process has nothing of its way compiled. With a new pool each time it is
 * V8's tiers that are measured: after some hundred failovers most of the way still runs in its interpreter, and every pool makes
 * its lists and names anew. What a service pays is one living pool, so the goal for a warm failover is held there, over what the
 * same two answers cost by hand.
 */
export async function firstFailover(): Promise<void> {
  printTitle("(k) 429, then the next key, over a stub");
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const provider of ["generic", "openai"]) {
    const runs: FirstFailover[] = [];
    const rounds = roundsOf(15);
    for (let round = 0; round < rounds; round++) {
      // It takes as long as all else together.
      const withLiving = round % 3 === 0 ? ["living"] : [];
      const child = fork(script, [provider, ...withLiving], { execArgv: ["--import", "tsx"] });
      runs.push(((await once(child, "message")) as [FirstFailover])[0]);
    }
    const livings = runs.flatMap(({ living }) => (living === null ? [] : [living]));
    const first = figuresOf(runs.map((run) => run.first));
    const newPool = figuresOf(runs.map((run) => run.newPool));
    const living = figuresOf(livings);
    table.push(
      rowOf(`\`${provider}\`, the first of a fresh process`, first),
      rowOf(`\`${provider}\`, a new pool each time, after 300`, newPool),
      rowOf(`\`${provider}\`, one living pool of 1,000 keys, after 5,000`, living),
    );
    goals.push(() => printGoal(`first, \`${provider}\``, first.ours.median / 1000, 2, " ms"));
    goals.push(() => printGoal(`a new pool each time, \`${provider}\``, newPool.ours.median, 60, " us"));
    goals.push(() => printGoal(`one living pool, more than by hand, \`${provider}\``, living.more.median, 60, " us"));
  }
  printTable(["failover, us", "median", "by hand", "more than by hand"], table);
  for (const print of goals) print();
}

/** Microseconds. */
interface Figures {
  readonly ours: Spread;
  readonly byHand: Spread;
  readonly more: Spread;
}

function figuresOf(runs: readonly Timed[]): Figures {
  const spread = (of: (run: Timed) => number): Spread => spreadOf(runs.map((run) => of(run) * 1000));
  return {
    ours: spread(({ oursMs }) => oursMs),
    byHand: spread(({ byHandMs }) => byHandMs),
    more: spread(({ oursMs, byHandMs }) => oursMs - byHandMs),
  };
}

function rowOf(name: string, { ours, byHand, more }: Figures): string[] {
  return [name, ...[ours, byHand, more].map((spread) => spreadText(spread))];
}
