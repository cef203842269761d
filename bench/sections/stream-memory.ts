import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { roundsOf, shuffled } from "../measure.ts";
import type { Pace, Peaks } from "../processes/stream-memory.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, spreadText } from "../table.ts";
import { armNames, bare, watched } from "./stream-arms.ts";

const atOnce = 2;
const program = fileURLToPath(new URL("../processes/stream-memory.ts", import.meta.url));

/** How high memory goes while a long body is read, in a process of its own for every run. */
export async function peakMemory(baseURL: string): Promise<void> {
  await compare(baseURL, "steady", "a macrotask after every chunk", armNames);
  // The others pass through less, or nothing.
  await compare(baseURL, "slow", "20 ms of rest after every 64 chunks", [bare, watched]);
}

async function compare(baseURL: string, pace: Pace, how: string, compared: readonly string[]): Promise<void> {
  const runs = new Map<string, Peaks[]>(compared.map((name) => [name, []]));
  for (let round = 0; round < roundsOf(5); round++) {
    const names = shuffled(compared);
    // Memory is measured, not time: some may run at the same time.
    while (names.length > 0) {
      const batch = names.splice(0, atOnce);
      await Promise.all(batch.map(async (name) => runs.get(name)?.push(await peaksOf(baseURL, name, pace))));
    }
  }
  const megabytes = (name: string, field: keyof Peaks): number[] =>
    (runs.get(name) ?? []).map((peaks) => peaks[field] / 1e6);
  const median = (name: string, field: keyof Peaks): number => spreadOf(megabytes(name, field)).median;
  console.log(`Peak memory while 200 MB are read, ${how}; MB\n`);
  printTable(
    ["answer", "resident", "every run", "external", "array buffers", "heap"],
    compared.map((name) => [
      name,
      spreadText(spreadOf(megabytes(name, "rss"))),
      megabytes(name, "rss").map(figure).join(" "),
      ...(["external", "arrayBuffers", "heapUsed"] as const).map((field) => figure(median(name, field))),
    ]),
  );
  for (const name of compared.slice(1)) {
    printGoal(`peak over the bare fetch, ${pace}, ${name}`, median(name, "rss") - median(bare, "rss"), 10, " MB");
  }
  console.log();
}

async function peaksOf(baseURL: string, name: string, pace: Pace): Promise<Peaks> {
  const child = fork(program, [baseURL, name, pace], { execArgv: ["--expose-gc", "--import", "tsx"] });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`The process for \`${name}\` ended with ${code}`);
  });
  // Ends after its message in any case.
  ended.catch(() => {});
  const [peaks] = (await Promise.race([once(child, "message"), ended])) as [Peaks];
  return peaks;
}
