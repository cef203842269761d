import { roundsOf, shuffled, Timings } from "../measure.ts";
import { stampMark } from "../processes/stream-server.ts";
import { quantile, type Spread } from "../statistics.ts";
import { figure, printGoal, printTable, spreadText } from "../table.ts";
import { type Arm, bare, ours } from "./stream-arms.ts";

interface Times {
  readonly sinceWritten: number;
  readonly sinceAsked: number;
}

/** How much later than with the bare `fetch` the first content event is in the reader's hands. */
export async function firstContent(arms: readonly Arm[]): Promise<void> {
  const sinceWritten = new Map<string, number[]>(arms.map(({ name }) => [name, []]));
  const sinceAsked = new Map<string, number[]>(arms.map(({ name }) => [name, []]));
  for (let warmUp = 0; warmUp < 50; warmUp++) for (const arm of arms) await timesOf(arm);
  for (let round = 0; round < roundsOf(200); round++) {
    for (const arm of shuffled(arms)) {
      const times = await timesOf(arm);
      sinceWritten.get(arm.name)?.push(times.sinceWritten);
      sinceAsked.get(arm.name)?.push(times.sinceAsked);
    }
  }
  const written = new Timings(sinceWritten);
  const asked = new Timings(sinceAsked);
  console.log("First content event, 3 ms behind the role; ms, more than the bare fetch within each round\n");
  printTable(
    ["answer", "since it was written", "p99", "worst", "more", "since it was asked for", "more "],
    arms.map(({ name }) => {
      const sorted = Float64Array.from(sinceWritten.get(name) ?? []).sort();
      const [p99, worst] = [quantile(sorted, 0.99), quantile(sorted, 1)].map((ns) => figure(ns / 1e6));
      const more = (timings: Timings): string => (name === bare ? "" : inMs(timings.difference(name, bare)));
      const spreads = [inMs(written.nanoseconds(name)), inMs(asked.nanoseconds(name))] as const;
      return [name, spreads[0], p99 ?? "", worst ?? "", more(written), spreads[1], more(asked)];
    }),
  );
  for (const name of ours) {
    const { median, p90 } = written.difference(name, bare);
    printGoal(`first content later, ${name}`, median / 1e6, 0.2, " ms");
    console.log(`             its 90th percentile: ${figure(p90 / 1e6)} ms`);
  }
  console.log();
}

function inMs({ p10, median, p90 }: Spread): string {
  return spreadText({ p10: p10 / 1e6, median: median / 1e6, p90: p90 / 1e6 });
}

async function timesOf({ ask }: Arm): Promise<Times> {
  const askedAt = process.hrtime.bigint();
  const reader = ((await ask("first")).body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let times: Times | undefined;
  for (;;) {
    const { done, value } = await reader.read();
    const readAt = process.hrtime.bigint();
    if (done) break;
    const text = decoder.decode(value, { stream: true });
    const at = text.indexOf(stampMark);
    if (at === -1) continue;
    const writtenAt = BigInt(text.slice(at + stampMark.length, text.indexOf('"', at + stampMark.length)));
    times = { sinceWritten: Number(readAt - writtenAt), sinceAsked: Number(readAt - askedAt) };
  }
  if (times === undefined) throw new Error("No content event came");
  return times;
}
