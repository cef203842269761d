import { cpus } from "node:os";
import { RedisProcess } from "../../test/redis/support/redis-process.ts";
import { roundsOf, shuffled } from "../measure.ts";
import { quantile, spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";
import { acquiring, type Contestant, contestantsOn, ping, withoutReport } from "./contestants.ts";
import { openIoredis } from "./peers.ts";

/** How long one contestant is measured in a round, milliseconds. */
const sliceMs = 250;

interface Sample {
  readonly p50Us: number;
  readonly perSecond: number;
  readonly sentEach: number;
}

/** Keeps so many under way for a while. */
async function slice({ act, sent }: Contestant, atOnce: number): Promise<Sample> {
  const times: number[] = [];
  const sentBefore = sent?.() ?? 0;
  const begunAt = performance.now();
  const run = async (): Promise<void> => {
    for (let before = performance.now(); before < begunAt + sliceMs; ) {
      await act();
      const after = performance.now();
      times.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  const lastedMs = performance.now() - begunAt;
  const sentEach = ((sent?.() ?? Number.NaN) - sentBefore) / times.length;
  const p50Us = quantile(Float64Array.from(times).sort(), 0.5) * 1000;
  return { p50Us, perSecond: (times.length / lastedMs) * 1000, sentEach };
}

type Samples = ReadonlyMap<string, readonly Sample[]>;

async function measure(contestants: readonly Contestant[], atOnce: number): Promise<Samples> {
  const samples = new Map<string, Sample[]>(contestants.map(({ name }) => [name, []]));
  for (const contestant of contestants) await slice(contestant, atOnce);
  for (let round = 0; round < roundsOf(8); round++) {
    for (const contestant of shuffled(contestants)) {
      samples.get(contestant.name)?.push(await slice(contestant, atOnce));
    }
  }
  return samples;
}

/** Of two contestants, round by round: what disturbs the machine for longer disturbs both. */
function ratios(samples: Samples, name: string, base: string, field: keyof Sample = "p50Us"): number[] {
  const bases = samples.get(base) ?? [];
  return (samples.get(name) ?? []).map((sample, round) => sample[field] / (bases[round]?.[field] ?? Number.NaN));
}

function print(atOnce: number, samples: Samples): void {
  printTitle(`${atOnce} at once`);
  printTable(
    ["what", "p50 us", "x PING", "per second", "commands each"],
    [...samples].map(([name, own]) => {
      const sentEach = spreadOf(own.map((sample) => sample.sentEach)).median;
      return [
        name,
        spreadText(spreadOf(own.map(({ p50Us }) => p50Us))),
        spreadText(spreadOf(ratios(samples, name, ping))),
        figure(spreadOf(own.map(({ perSecond }) => perSecond)).median),
        Number.isNaN(sentEach) ? "" : sentEach.toFixed(2),
      ];
    }),
  );
  const median = (name: string, base: string): number => spreadOf(ratios(samples, name, base)).median;
  const most = atOnce === 1 ? 2 : 3;
  const pools = [...samples.keys()].filter((name) => name.startsWith("acquire and settle"));
  if (atOnce !== 16) for (const name of pools) printGoal(`${name}, against PING`, median(name, ping), most, " x");
  const small = acquiring(3, 0);
  printGoal(`${small}, against without a report`, median(small, withoutReport), 1.25, " x");
  for (const name of pools.slice(1)) printGoal(`${name}, against 3 keys`, median(name, small), 1.5, " x");
}

/** `main.ts [count ...]`: only with so many at once. */
const counts = process.argv.slice(2).map(Number);
console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} CPUs: ${cpus()[0]?.model}`);
console.log("Medians, in brackets the 10th and 90th percentile; a ratio is always taken within one round.");
const server = await RedisProcess.start();
const client = await openIoredis(server.port);
const contestants = await contestantsOn(client);
for (const atOnce of counts.length > 0 ? counts : [1, 16, 64]) print(atOnce, await measure(contestants, atOnce));
for (const { close } of contestants) await close?.();
client.disconnect();
await server.end();
