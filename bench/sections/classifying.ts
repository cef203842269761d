import type { ClassifierInput } from "../../src/judgement/provider.ts";
import { ErrorClassifier } from "../../src/named/error-classifier.ts";
import { providerNamed } from "../../src/named/presets.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { quantile } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

const size = 65_536;
const now = Date.UTC(2026, 10, 20, 12);

/** What it costs to judge an answer. */
export async function classifying(): Promise<void> {
  largeBodies();
  await commonAnswers();
}

/** Single judgements of the largest body that is read, ordinary and made to hurt. */
function largeBodies(): void {
  printTitle("(f) judging bodies of 64 KiB, microseconds of single judgements");
  const classifiers = ["generic", "openai", "gemini"].map(classifierOf);
  const table: string[][] = [];
  const worst = new Map<string, readonly [own: number, raw: number]>();
  for (const [name, body] of largeBodiesByName()) {
    const asked = classifiers.flatMap((classifier) =>
      [200, 400, 429, 503].map((status) => ({ classifier, input: { status, headers: plainHeaders, body, now } })),
    );
    const { own, raw } = timesOf(asked);
    const [median, ownTail, rawTail] = [quantile(own, 0.5), quantile(own, 0.999), quantile(raw, 0.999)];
    table.push([name, ...[median, ownTail, rawTail].map(figure)]);
    const group = name.startsWith("hostile") ? "hostile" : "ordinary";
    const [ownWorst, rawWorst] = worst.get(group) ?? [0, 0];
    worst.set(group, [Math.max(ownWorst, ownTail), Math.max(rawWorst, rawTail)]);
  }
  printTable(["body", "p50", "p99.9", "raw p99.9"], table);
  for (const [group, [own, raw]] of worst) {
    printGoal(`worst ${group} body, p99.9 as measured`, raw, 1000, " us");
    printGoal(`worst ${group} body, p99.9 without pauses`, own, 1000, " us");
  }
  console.log(
    "note: by generic, openai and gemini in turn, under 200, 400, 429 and 503. p50 and p99.9 take each call's median",
  );
  console.log("over the passes, which leaves out pauses of the machine and the collector; raw leaves out nothing.");
}

/** Answers as they come all the time. */
async function commonAnswers(): Promise<void> {
  printTitle("(f) judging common answers, ns");
  const refusal = refusalOf(1024);
  const limited = { status: 429, headers: new Headers({ ...plainHeaders, "retry-after": "3" }), body: refusal, now };
  const success = { status: 200, headers: new Headers(plainHeaders), body: undefined, now };
  const goals: readonly (readonly [name: string, provider: string, input: ClassifierInput, mostNs: number])[] = [
    ["429 with 1 KiB of JSON, generic", "generic", limited, 40_000],
    ["429 with 1 KiB of JSON, openai", "openai", limited, 40_000],
    ["429 with 1 KiB of JSON, gemini", "gemini", limited, 40_000],
    ["200 without counters, openai (2 declared)", "openai", success, 2000],
    ["200 without counters, anthropic (4 declared)", "anthropic", success, 2000],
    ["200 without counters, generic (none declared)", "generic", success, 80],
  ];
  const rows = goals.map(([name, provider, input]) => judgeRow(name, classifierOf(provider), input));
  const timings = await compare(rows, { rounds: roundsOf(60) });
  printTable(
    ["answer", "ns"],
    rows.map(({ name }) => [name, spreadText(timings.nanoseconds(name))]),
  );
  for (const [name, , , mostNs] of goals) printGoal(name, timings.nanoseconds(name).median, mostNs, " ns");
}

const plainHeaders = { "content-type": "application/json", date: "Fri, 20 Nov 2026 12:00:00 GMT", server: "bench" };

function classifierOf(name: string): ErrorClassifier {
  return new ErrorClassifier({ provider: providerNamed(name) });
}

/** Keeps the judgements from being optimised away. */
let failovers = 0;
export const judged = (): number => failovers;

function judgeRow(name: string, classifier: ErrorClassifier, input: ClassifierInput): Row {
  return {
    name,
    run(count) {
      for (let call = 0; call < count; call++) if (classifier.classify(input).failover) failovers++;
    },
  };
}

interface Asked {
  readonly classifier: ErrorClassifier;
  readonly input: ClassifierInput;
}

const callsInPass = 2400;

/** Sorted microseconds of single judgements; the n-th call judges the same in every pass. */
function timesOf(asked: readonly Asked[]): Readonly<Record<"own" | "raw", Float64Array>> {
  onePass(asked, callsInPass / 4);
  const passes = Array.from({ length: roundsOf(5) }, () => onePass(asked, callsInPass));
  const own = Float64Array.from({ length: callsInPass }, (_, call) =>
    quantile(Float64Array.from(passes, (pass) => pass[call] as number).sort(), 0.5),
  );
  return { own: own.sort(), raw: Float64Array.from(passes.flatMap((pass) => [...pass])).sort() };
}

function onePass(asked: readonly Asked[], calls: number): Float64Array {
  globalThis.gc?.();
  const times = new Float64Array(calls);
  for (let call = 0; call < calls; call++) {
    const { classifier, input } = asked[call % asked.length] as Asked;
    const startedAt = performance.now();
    if (classifier.classify(input).failover) failovers++;
    times[call] = (performance.now() - startedAt) * 1000;
  }
  return times;
}

/** An error in JSON, so many characters long. */
function refusalOf(length: number): string {
  const words = "Rate limit reached for a model in an organization on requests per day: Limit 200, Used 200. ";
  const empty = JSON.stringify({ error: { message: "", type: "requests", param: null, code: "rate_limit_exceeded" } });
  const message = fill(words, length - empty.length);
  return JSON.stringify({ error: { message, type: "requests", param: null, code: "rate_limit_exceeded" } });
}

function fill(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
}

function completionOf(length: number): string {
  const choice = {
    index: 0,
    message: { role: "assistant", content: fill("An answer like any other. ", length - 200) },
  };
  return JSON.stringify({ id: "c-1", object: "chat.completion", choices: [choice], usage: { total_tokens: 9000 } });
}

function largeBodiesByName(): readonly (readonly [string, string])[] {
  const description = fill("The quota of this project for this model is used up. ", 100);
  const violation = { quotaId: "PerDayPerProjectPerModel", quotaMetric: "generate_requests", description };
  const details = Array.from({ length: 320 }, (_, index) => ({ "@type": `google.rpc.QuotaFailure`, index, violation }));
  return [
    ["JSON error, one long message", refusalOf(size)],
    ["JSON error, many details", JSON.stringify({ error: { code: 429, message: "Quota exceeded", details } })],
    ["JSON completion", completionOf(size)],
    ["HTML page", fill("<html><body><p>Something went wrong on our side.</p>", size)],
    ["plain text", fill("upstream connect error or disconnect before headers. ", size)],
    ["JSON error, cut off", refusalOf(size * 2).slice(0, size)],
    ["hostile: opening brackets", "[".repeat(size)],
    ["hostile: objects in objects", fill('{"error":', size)],
    ["hostile: names without values", fill('{"code" "type" "message" ', size)],
    ["hostile: unfinished escapes", `{"message":"${fill("\\\\", size)}`],
    ["hostile: half phrases", fill("rate limi insufficient balanc context lengt try again i ", size)],
    ["hostile: delays without end", JSON.stringify({ message: fill("again in retry after 9 reset at ", size - 20) })],
    ["hostile: edge marks that are none", fill("error code: 10 cf-error-code 10", size)],
    ["hostile: events of a stream", fill("data: {}\n", size)],
    ["hostile: events that are cut off", fill(`data: {"error":${"[".repeat(900)}\n`, size)],
    ["hostile: a list of empty errors", `[${fill('{"error":{}},', size - 4)}0]`],
    ["hostile: thousands of names", `{${Array.from({ length: 5000 }, (_, index) => `"n${index}":0`).join(",")}}`],
    ["hostile: numbers", `{"error":[${fill("1e308,", size - 20)}0]}`],
  ];
}
