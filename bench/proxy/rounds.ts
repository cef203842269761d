import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { shuffled } from "../measure.ts";
import type { Contestant, ProxyName } from "./contestants.ts";
import type { Ask } from "./exchange.ts";
import type { Measured, Order } from "./processes/load.ts";

/** One column of the results. */
export interface Course {
  readonly ask: Ask;
  readonly connections: number;
  /** Milliseconds that count, in each round. */
  readonly forMs: number;
}

export const courses: readonly Course[] = [
  { ask: "json", connections: 1, forMs: 400 },
  { ask: "json", connections: 16, forMs: 600 },
  { ask: "json", connections: 64, forMs: 1500 },
  { ask: "stream", connections: 16, forMs: 600 },
];

const warmUpMs = 150;

export interface Result extends Measured {
  /** Microseconds of a processor that the proxy's process took for a request; `NaN` where the system does not tell. */
  readonly cpuUs: number;
}

/** What was measured on one course, by proxy and round. */
export type Results = Map<ProxyName, Result[]>;

/** Visits all proxies in a new random order in every round, one at a time: there are few processors. */
export async function measure(
  loader: ChildProcess,
  contestants: readonly Contestant[],
  rounds: number,
  asked: readonly Course[],
): Promise<ReadonlyMap<Course, Results>> {
  for (let pass = 0; pass < 2; pass++) {
    for (const contestant of shuffled(contestants)) {
      for (const course of asked) await run(loader, contestant, { ...course, forMs: 250 });
    }
  }
  const all = new Map<Course, Results>(asked.map((course) => [course, new Map()]));
  for (let round = 0; round < rounds; round++) {
    for (const course of shuffled(asked)) {
      const results = all.get(course) as Results;
      for (const contestant of shuffled(contestants)) {
        const list = results.get(contestant.name) ?? [];
        results.set(contestant.name, list);
        list.push(await run(loader, contestant, course));
      }
    }
  }
  return all;
}

async function run(loader: ChildProcess, { target, child }: Contestant, course: Course): Promise<Result> {
  const { ask, connections, forMs } = course;
  const order: Order = { target, ask, connections, forMs, warmUpMs };
  const before = cpuMs(child.pid);
  loader.send(order);
  const [measured] = (await once(loader, "message")) as [Measured];
  return { ...measured, cpuUs: ((cpuMs(child.pid) - before) * 1000) / measured.answers };
}

/** Linux counts in hundredths of a second. */
const tickMs = 10;

/** What a process has had of the processors. Unlike requests a second, it says little of who else uses the machine. */
function cpuMs(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return Number.NaN;
  }
}
