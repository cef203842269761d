import { cpus } from "node:os";
import { roundsOf } from "../measure.ts";
import {
  allNames,
  type Contestant,
  faultOf,
  makeSecret,
  type ProxyName,
  start,
  startProcess,
  stop,
} from "./contestants.ts";
import type { Ask } from "./exchange.ts";
import { printCourse, printGoals } from "./report.ts";
import { type Course, courses, measure } from "./rounds.ts";

/** `main.ts [text ...]`: only the proxies whose names hold one of the texts; `--connections=64`, `--ask=json`: one course. */
async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const option = (name: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const wanted = args.filter((arg) => !arg.startsWith("--"));
  const names = allNames.filter((name) => wanted.length === 0 || wanted.some((text) => name.includes(text)));
  const connections = option("connections");
  const ask = option("ask");
  const asked = courses.filter(
    (course) =>
      (connections === undefined || course.connections === Number(connections)) &&
      (ask === undefined || course.ask === ask),
  );
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} CPUs: ${cpus()[0]?.model}`,
  );
  console.log("Medians, in brackets the 10th and 90th percentile; a ratio is always taken within one round.");
  await compare(names, asked);
}

async function compare(names: readonly ProxyName[], asked: readonly Course[]): Promise<void> {
  const keys = [makeSecret(), makeSecret(), makeSecret()];
  const running: { readonly child: Contestant["child"] }[] = [];
  try {
    const upstream = await startProcess<{ port: number }>("upstream.ts", keys);
    const loader = await startProcess<string>("load.ts", []);
    running.push(upstream, loader);
    const setup = { upstream: `http://127.0.0.1:${upstream.said.port}`, keys, token: makeSecret() };
    const contestants: Contestant[] = [];
    for (const name of names) {
      const contestant = await start(name, setup);
      running.push(contestant);
      contestants.push(contestant);
    }
    for (const ask of ["json", "stream"] as const) {
      const own = asked.filter((course) => course.ask === ask);
      if (own.length > 0) await compareFor(ask, loader.child, contestants, own);
    }
  } finally {
    for (const each of running) stop(each);
  }
}

async function compareFor(
  ask: Ask,
  loader: Contestant["child"],
  contestants: readonly Contestant[],
  asked: readonly Course[],
): Promise<void> {
  const able: Contestant[] = [];
  for (const contestant of contestants) {
    const fault = await faultOf(contestant, ask).catch((error: unknown) => String(error));
    if (fault === undefined) able.push(contestant);
    else console.log(`\nNot measured (${ask}): ${contestant.name}: ${fault}`);
  }
  for (const [course, results] of await measure(loader, able, roundsOf(5), asked)) {
    printCourse(course, results);
    if (course.connections === 64) printGoals(results);
  }
}

await main();
