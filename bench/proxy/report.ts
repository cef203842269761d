import { type Spread, spreadOf } from "../statistics.ts";
import { figure, printTable, printTitle, spreadText } from "../table.ts";
import { type ProxyName, portkey } from "./contestants.ts";
import type { Course, Results } from "./rounds.ts";

export const bare = "node: undici.stream pipe" satisfies ProxyName;

/** Requests a second against another proxy in the same round: what disturbs the machine for longer disturbs both. */
export function ratios(results: Results, name: ProxyName, base: ProxyName): readonly number[] {
  const bases = results.get(base) ?? [];
  return (results.get(name) ?? []).map(({ perSecond }, round) => perSecond / (bases[round]?.perSecond ?? Number.NaN));
}

/** Processor time a request, likewise. */
function cpuRatios(results: Results, name: ProxyName, base: ProxyName): readonly number[] {
  const bases = results.get(base) ?? [];
  return (results.get(name) ?? []).map(({ cpuUs }, round) => cpuUs / (bases[round]?.cpuUs ?? Number.NaN));
}

export function printCourse({ ask, connections, forMs }: Course, results: Results): void {
  const what = ask === "json" ? "JSON, about 300 B in and 1 KiB out" : "a stream of 20 events";
  printTitle(`${what}, ${connections} connection${connections === 1 ? "" : "s"}, ${forMs} ms a round`);
  printTable(
    [
      "proxy",
      "requests/s",
      "p50 ms",
      "p99 ms",
      "CPU us",
      "x bare CPU",
      "x bare undici",
      "x bare, every round",
      "failed",
    ],
    [...results.keys()]
      .sort((one, other) => median(results, other) - median(results, one))
      .map((name) => {
        const rounds = results.get(name) ?? [];
        const each = ratios(results, name, bare);
        return [
          name,
          spreadText(spreadOf(rounds.map(({ perSecond }) => perSecond))),
          spreadText(spreadOf(rounds.map(({ p50Ms }) => p50Ms))),
          spreadText(spreadOf(rounds.map(({ p99Ms }) => p99Ms))),
          spreadText(spreadOf(rounds.map(({ cpuUs }) => cpuUs))),
          spreadText(spreadOf([...cpuRatios(results, name, bare)])),
          spreadText(spreadOf([...each])),
          each.map(figure).join(" "),
          String(rounds.reduce((sum, { failures }) => sum + failures, 0)),
        ];
      }),
  );
}

function median(results: Results, name: ProxyName): number {
  return spreadOf((results.get(name) ?? []).map(({ perSecond }) => perSecond)).median;
}

interface Goal {
  readonly name: ProxyName;
  readonly base: ProxyName;
  /** Times the requests a second of the other. */
  readonly least: number;
}

const goals: readonly Goal[] = [
  { name: "node: rotating-fetch, undici", base: bare, least: 1 },
  { name: "node: rotating-fetch, undici", base: "node: http-proxy-middleware", least: 2.5 },
  { name: "node: rotating-fetch, undici", base: "express: http-proxy-middleware", least: 2.5 },
  { name: "node: rotating-fetch, undici", base: portkey, least: 20 },
  { name: "express: rotating-fetch, undici", base: "express: undici.stream pipe", least: 0.9 },
  // Like for like: this library's proxy aborts, too.
  { name: "node: rotating-fetch, fetch", base: "node: fetch pipe that aborts", least: 0.9 },
  { name: "node: rotating-fetch, fetch", base: "node: fetch pipe", least: 0.9 },
  { name: "express: rotating-fetch, fetch", base: "express: fetch pipe that aborts", least: 0.9 },
  { name: "express: rotating-fetch, fetch", base: "express: fetch pipe", least: 0.9 },
];

/** Says of every goal whether the median over all rounds is within it, and by how much. */
export function printGoals(results: Results): void {
  for (const { name, base, least } of goals) {
    if (!results.has(name) || !results.has(base)) continue;
    const spread: Spread = spreadOf([...ratios(results, name, base)]);
    const cpu = spreadText(spreadOf([...cpuRatios(results, name, base)]), "x");
    const verdict = spread.median >= least ? "met   " : "missed";
    console.log(
      `goal ${verdict}  ${name} / ${base}: ${spreadText(spread, "x")} (at least ${figure(least)}x); CPU a request ${cpu}`,
    );
  }
}
