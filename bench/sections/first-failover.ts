import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { roundsOf } from "../measure.ts";
import type { FirstFailover } from "../processes/first-failover.ts";
import { spreadOf } from "../statistics.ts";
import { printGoal, printTable, printTitle, spreadText } from "../table.ts";

const script = fileURLToPath(new URL("../processes/first-failover.ts", import.meta.url));

/** What the first failover of a process costs: nothing of its way is compiled yet. */
export async function firstFailover(): Promise<void> {
  printTitle("(k) 429, then the next key, over a stub: the first of a fresh process, and warm");
  const table: string[][] = [];
  const goals: (() => void)[] = [];
  for (const provider of ["generic", "openai"]) {
    const runs: FirstFailover[] = [];
    for (let round = 0; round < roundsOf(15); round++) {
      const child = fork(script, [provider], { execArgv: ["--import", "tsx"] });
      runs.push(((await once(child, "message")) as [FirstFailover])[0]);
    }
    const first = spreadOf(runs.map(({ firstMs }) => firstMs));
    const warm = spreadOf(runs.map(({ warmUs }) => warmUs));
    table.push([`\`${provider}\``, spreadText(first), spreadText(warm)]);
    goals.push(() => printGoal(`first, \`${provider}\``, first.median, 2, " ms"));
    goals.push(() => printGoal(`warm, \`${provider}\``, warm.median, 60, " us"));
  }
  printTable(["provider", "first, ms", "warm, us"], table);
  for (const print of goals) print();
}
