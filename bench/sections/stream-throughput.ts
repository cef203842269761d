import { roundsOf, shuffled, Timings } from "../measure.ts";
import { bulkBytes } from "../processes/stream-server.ts";
import { spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, spreadText } from "../table.ts";
import { type Arm, bare, watched } from "./stream-arms.ts";

type Body = ReadableStream<Uint8Array>;

/** What one reading took, by the clock and of this process's time. */
interface Taken {
  readonly wallNs: number;
  readonly cpuNs: number;
}

const ways: Readonly<Record<string, (body: Body) => Promise<number>>> = {
  async "reader loop"(body) {
    const reader = body.getReader();
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes;
      bytes += value.byteLength;
    }
  },
  async "for await"(body) {
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.byteLength;
    return bytes;
  },
};

/** How fast a long body is read to its end, against the bare `fetch`. */
export async function throughput(arms: readonly Arm[]): Promise<void> {
  await compare(arms, "reader loop");
  // As long a way as any.
  await compare(
    arms.filter(({ name }) => name === bare || name === watched),
    "for await",
  );
}

async function compare(arms: readonly Arm[], way: string): Promise<void> {
  const wall = new Map<string, number[]>(arms.map(({ name }) => [name, []]));
  const cpu = new Map<string, number[]>(arms.map(({ name }) => [name, []]));
  const slowest = new Map<string, number>();
  for (const arm of arms) await taken(arm, way);
  for (let round = 0; round < roundsOf(7); round++) {
    // Each is read twice and the better one counts: what disturbs this machine lasts about as long as one reading.
    const taking = shuffled([...arms, ...arms]);
    const best = new Map<string, Taken>();
    for (const arm of taking) {
      const now = await taken(arm, way);
      const before = best.get(arm.name) ?? now;
      best.set(arm.name, { wallNs: Math.min(before.wallNs, now.wallNs), cpuNs: Math.min(before.cpuNs, now.cpuNs) });
      slowest.set(arm.name, Math.max(slowest.get(arm.name) ?? 0, now.wallNs));
    }
    for (const [name, { wallNs, cpuNs }] of best) {
      wall.get(name)?.push(wallNs);
      cpu.get(name)?.push(cpuNs);
    }
  }
  const walls = new Timings(wall);
  const cpus = new Timings(cpu);
  const megabytes = (ns: number): number => (bulkBytes * 1000) / ns;
  const size = `${figure(bulkBytes / 1e6)} MB of events in writes of 64 KiB`;
  console.log(`${size}, ${way}, the better of two readings a round; x bare within each round\n`);
  printTable(
    ["answer", "MB/s", "slowest reading", "x bare", "every round", "CPU, x bare"],
    arms.map(({ name }) => {
      const rates = spreadText(spreadOf((wall.get(name) ?? []).map(megabytes)));
      const worst = figure(megabytes(slowest.get(name) as number));
      if (name === bare) return [name, rates, worst];
      const ratios = (wall.get(bare) ?? []).map((ns, round) => ns / (wall.get(name)?.[round] as number));
      const each = ratios.map(figure).join(" ");
      return [name, rates, worst, spreadText(spreadOf(ratios)), each, spreadText(cpus.ratio(name, bare))];
    }),
  );
  for (const { name } of arms) {
    if (name === bare) continue;
    // At least 0.9 times the throughput.
    printGoal(`time to read 200 MB, ${way}, ${name}`, walls.ratio(name, bare).median, 1 / 0.9, "x");
  }
  console.log();
}

async function taken({ ask }: Arm, way: string): Promise<Taken> {
  globalThis.gc?.();
  const cpuBefore = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  const bytes = await ways[way]?.((await ask("bulk")).body as Body);
  const wallNs = Number(process.hrtime.bigint() - startedAt);
  const { user, system } = process.cpuUsage(cpuBefore);
  if (bytes === undefined || bytes < bulkBytes) throw new Error(`Expected more than ${bulkBytes} bytes, got ${bytes}`);
  return { wallNs, cpuNs: (user + system) * 1000 };
}
