import { roundsOf, shuffled } from "../measure.ts";
import { pacedEvents, stampMark } from "../processes/stream-server.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, spreadText } from "../table.ts";
import { type Arm, bare, ours } from "./stream-arms.ts";

interface Paced {
  /** How many reads brought content. */
  readonly reads: number;
  /** Milliseconds from each event's being written to its being read. */
  readonly delays: readonly number[];
}

/** Whether events that come one by one are read one by one. */
export async function pacing(arms: readonly Arm[]): Promise<void> {
  const runs = new Map<string, Paced[]>(arms.map(({ name }) => [name, []]));
  for (let round = 0; round < roundsOf(3); round++) {
    for (const arm of shuffled(arms)) runs.get(arm.name)?.push(await paced(arm));
  }
  const readsOf = (name: string): number[] => (runs.get(name) ?? []).map(({ reads }) => reads);
  console.log(`${pacedEvents} content events, one every 5 ms\n`);
  printTable(
    ["answer", "reads with content", "every run", "ms from written to read"],
    arms.map(({ name }) => {
      const delays = (runs.get(name) ?? []).flatMap((run) => run.delays);
      const reads = readsOf(name);
      return [name, figure(spreadOf(reads).median), reads.join(" "), spreadText(spreadOf(delays))];
    }),
  );
  const bares = readsOf(bare);
  for (const name of ours) {
    const fewer = readsOf(name).map((reads, round) => (bares[round] as number) - reads);
    // A machine that is busy elsewhere joins one or two events by itself, with and without us.
    printGoal(`reads fewer than with the bare fetch, ${name}`, spreadOf(fewer).median, 2, "");
  }
  console.log();
}

async function paced({ ask }: Arm): Promise<Paced> {
  const reader = ((await ask("paced")).body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  const delays: number[] = [];
  let reads = 0;
  for (;;) {
    const { done, value } = await reader.read();
    const readAt = process.hrtime.bigint();
    if (done) break;
    const stamps = decoder.decode(value, { stream: true }).split(stampMark).slice(1);
    if (stamps.length > 0) reads++;
    for (const stamp of stamps) delays.push(Number(readAt - BigInt(stamp.slice(0, stamp.indexOf('"')))) / 1e6);
  }
  if (delays.length !== pacedEvents) throw new Error(`Expected ${pacedEvents} events, got ${delays.length}`);
  return { reads, delays };
}
