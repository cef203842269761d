/**
 * Scores three ways to judge an answer on the case table and writes docs/classification.md: the prose of the template
 * beside this file, with the numbers put in.
 *
 * node --import tsx scripts/classification-report.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ErrorClassifier } from "../src/judgement/error-classifier.ts";
import { providerNamed } from "../src/named/presets.ts";
import type { Classification, Kind, Scope } from "../src/types.ts";
import {
  type AnswerCase,
  allCases,
  answerCases,
  classifiersWith,
  inputOf,
  isDecided,
  laterCases,
  wordings,
} from "../test/support/answer-cases.ts";
import { keptOut } from "../test/support/kept-out.ts";

/** What is compared of a judgement. */
type Decision = Pick<Classification, "kind" | "scope" | "retryable" | "failover" | "disableKey">;

/** Where the request goes next: nowhere, to the same key after a pause, or to another key. */
type Next = "stop" | "same key" | "other key";

interface Judged {
  readonly entry: AnswerCase;
  readonly byStatus: Decision;
  readonly bySdk: Next;
  readonly unnamed: Decision;
  readonly ours: Decision;
}

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

export const reportPath = fileURLToPath(new URL("../docs/classification.md", import.meta.url));

/** The document as it should be now. */
export function renderReport(): string {
  const cases = allCases;
  const judged = cases.map(judgeAll);
  const kept = keptOut();
  const byWords = classifiersWith()(undefined);
  const rightWordings = wordings.filter(({ status, body, expect }) =>
    isDecided(byWords({ status, body, now: 0 }), expect),
  );
  const lies = judged.filter(({ entry, byStatus }) => entry.transport === undefined && !agrees(byStatus, entry.expect));
  const values: Readonly<Record<string, string>> = {
    cases: String(cases.length),
    shown: String(answerCases.length),
    later: String(laterCases.length),
    confidenceShown: confidenceOf(answerCases),
    keptStatus: spreadOf(kept.status),
    keptWords: spreadOf(kept.words),
    keptNamed: spreadOf(kept.named),
    worlds: read("worlds/table.md").trim(),
    wordings: String(wordings.length),
    wordingsRight: String(rightWordings.length),
    providers: String(new Set(cases.map(({ provider }) => provider)).size),
    confidence: confidenceOf(cases),
    decisions: decisionTable(judged),
    again: againTable(judged),
    harm: harmTable(judged),
    byProvider: providerTable(judged),
    lyingCount: String(lies.length),
    wrongAction: String(lies.filter(({ entry, byStatus }) => actsWrong(byStatus, entry.expect)).length),
    lies: table(
      ["case", "status", "wanted", "status only", "openai SDK", "rotating-fetch"],
      lies.map(({ entry, byStatus, bySdk, ours }) => [
        `\`${entry.id}\``,
        String(entry.response.status),
        brief(entry.expect),
        brief(byStatus),
        bySdk,
        brief(ours),
      ]),
    ),
    missed: listOf(
      judged.filter(({ entry, ours }) => !agrees(ours, entry.expect) || ours.scope !== entry.expect.scope),
    ),
  };
  // A checkout may have turned the ends of lines.
  const template = read("./classification-report.template.md").replaceAll("\r\n", "\n");
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`The template asks for \`${name}\`, which is not computed`);
    return value;
  });
}

function judgeAll(entry: AnswerCase): Judged {
  return {
    entry,
    byStatus: judgeByStatus(entry),
    bySdk: judgeBySdk(entry),
    unnamed: judgeByUs(entry, undefined),
    ours: judgeByUs(entry, entry.provider),
  };
}

const stop = { retryable: false, failover: false, disableKey: false };
const repeat = { scope: "provider", retryable: true, failover: false, disableKey: false } as const;
const moveOn = { scope: "key", retryable: false, failover: true, disableKey: false } as const;

/** The table people write, read generously: where a status has a usual name of its own, it gets it. */
function judgeByStatus({ response: { status }, transport }: AnswerCase): Decision {
  if (transport !== undefined) {
    if (transport.name === "AbortError") return { ...stop, kind: "aborted", scope: "request" };
    const isTimeout = /timeout/i.test(`${transport.name} ${transport.cause?.code ?? ""}`);
    return { ...repeat, kind: isTimeout ? "timeout" : "network" };
  }
  if (status < 400) return { ...stop, kind: "none", scope: "key" };
  if (status === 429) return { ...moveOn, kind: "rate_limit", retryable: true };
  if (status === 401 || status === 403) return { ...moveOn, kind: "invalid_key", disableKey: true };
  if (status === 402) return { ...moveOn, kind: "quota_exhausted", scope: "account" };
  if (status === 408 || status >= 500) return { ...repeat, kind: kindOfServerError(status) };
  return { ...stop, kind: "bad_request", scope: "request" };
}

function kindOfServerError(status: number): Kind {
  if (status === 408 || status === 504 || status === 524) return "timeout";
  return status === 503 || status === 529 ? "overloaded" : "server_error";
}

/** The retry rule of the openai SDK 6: the header if there is one, else the status; always with the same key. */
function judgeBySdk({ response: { status, headers }, transport }: AnswerCase): Next {
  if (transport !== undefined) return transport.name === "AbortError" ? "stop" : "same key";
  if (status < 400) return "stop";
  const asked = headers["x-should-retry"];
  if (asked === "true") return "same key";
  if (asked === "false") return "stop";
  return status === 408 || status === 409 || status === 429 || status >= 500 ? "same key" : "stop";
}

function judgeByUs(entry: AnswerCase, name: string | undefined): Decision {
  const classifier = new ErrorClassifier(name === undefined ? {} : { provider: providerNamed(name) });
  return classifier.classify(inputOf(entry));
}

/** The mean of shares and how far they spread. */
function spreadOf(shares: readonly number[]): string {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const spread = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
  return `${(100 * mean).toFixed(1)} %, ± ${(100 * spread).toFixed(1)}`;
}

function nextOf({ failover, retryable }: Pick<Decision, "failover" | "retryable">): Next {
  if (failover) return "other key";
  return retryable ? "same key" : "stop";
}

function agrees(decision: Decision, wanted: Classification): boolean {
  const { kind, failover, disableKey } = decision;
  return kind === wanted.kind && failover === wanted.failover && disableKey === wanted.disableKey;
}

/** Is it more than a wrong name? */
function actsWrong(decision: Decision, wanted: Classification): boolean {
  return nextOf(decision) !== nextOf(wanted) || decision.disableKey !== wanted.disableKey;
}

function decisionTable(judged: readonly Judged[]): string {
  const judges: readonly (readonly [string, (of: Judged) => Decision])[] = [
    ["status only", ({ byStatus }) => byStatus],
    ["rotating-fetch, provider not named", ({ unnamed }) => unnamed],
    ["rotating-fetch, provider named", ({ ours }) => ours],
  ];
  return table(
    ["judge", "`kind`", "`failover`", "`disableKey`", "these three", "and `scope`"],
    judges.map(([name, decide]) => {
      const share = (isRight: (decision: Decision, wanted: Classification) => boolean): string =>
        shareOf(judged, (of) => isRight(decide(of), of.entry.expect));
      return [
        name,
        share((decision, wanted) => decision.kind === wanted.kind),
        share((decision, wanted) => decision.failover === wanted.failover),
        share((decision, wanted) => decision.disableKey === wanted.disableKey),
        share(agrees),
        share((decision, wanted) => agrees(decision, wanted) && decision.scope === wanted.scope),
      ];
    }),
  );
}

const nextBy: readonly (readonly [string, (of: Judged) => Next])[] = [
  ["status only", ({ byStatus }) => nextOf(byStatus)],
  ["openai SDK", ({ bySdk }) => bySdk],
  ["rotating-fetch", ({ ours }) => nextOf(ours)],
];

function againTable(judged: readonly Judged[]): string {
  return table(
    ["judge", "again or not", "again, and with which key"],
    nextBy.map(([name, next]) => [
      name,
      shareOf(judged, (of) => (next(of) === "stop") === (nextOf(of.entry.expect) === "stop")),
      shareOf(judged, (of) => next(of) === nextOf(of.entry.expect)),
    ]),
  );
}

/** What wrong decisions cost: in how many cases each mistake is made. */
function harmTable(judged: readonly Judged[]): string {
  const mistakes: readonly (readonly [string, (next: Next, wanted: Next) => boolean])[] = [
    ["gives up though the request could be served", (next, wanted) => next === "stop" && wanted !== "stop"],
    ["waits on a key though another one could serve", (next, wanted) => next === "same key" && wanted === "other key"],
    ["walks through the keys though none can serve", (next, wanted) => next === "other key" && wanted !== "other key"],
    ["repeats what cannot succeed", (next, wanted) => next === "same key" && wanted === "stop"],
  ];
  const rows = mistakes.map(([what, isMade]) => [
    what,
    ...nextBy.map(([, next]) => String(judged.filter((of) => isMade(next(of), nextOf(of.entry.expect))).length)),
  ]);
  const disables = (decide: (of: Judged) => Decision): string =>
    String(judged.filter((of) => decide(of).disableKey && !of.entry.expect.disableKey).length);
  rows.push([
    "disables a key that is not known to be dead",
    disables((of) => of.byStatus),
    "-",
    disables((of) => of.ours),
  ]);
  return table(["mistake", ...nextBy.map(([name]) => name)], rows);
}

function providerTable(judged: readonly Judged[]): string {
  const groups = new Map<string, Judged[]>();
  for (const of of judged) groups.set(of.entry.provider, [...(groups.get(of.entry.provider) ?? []), of]);
  return table(
    ["provider", "cases", "status only", "and `scope`", "openai SDK, again or not", "rotating-fetch", "and `scope`"],
    [...groups].map(([provider, members]) => {
      const count = (isRight: (of: Judged) => boolean): string => String(members.filter(isRight).length);
      const withScope = (decision: Decision, { expect }: AnswerCase): boolean =>
        agrees(decision, expect) && decision.scope === expect.scope;
      return [
        provider,
        String(members.length),
        count(({ byStatus, entry }) => agrees(byStatus, entry.expect)),
        count(({ byStatus, entry }) => withScope(byStatus, entry)),
        count(({ bySdk, entry }) => (bySdk === "stop") === (nextOf(entry.expect) === "stop")),
        count(({ ours, entry }) => agrees(ours, entry.expect)),
        count(({ ours, entry }) => withScope(ours, entry)),
      ];
    }),
  );
}

const scopeWords: Readonly<Record<Scope, string>> = {
  request: "",
  model: ", model",
  key: ", key",
  account: ", account",
  ip: ", ip",
  provider: "",
};

function brief(decision: Decision): string {
  const scope = decision.kind === "none" ? "" : scopeWords[decision.scope];
  return `${decision.kind}${scope}: ${nextOf(decision)}${decision.disableKey ? ", disable" : ""}`;
}

function listOf(judged: readonly Judged[]): string {
  const lines = judged.map(
    ({ entry, ours }) => `- \`${entry.id}\`: the table wants ${brief(entry.expect)}; we say ${brief(ours)}.`,
  );
  return lines.length === 0 ? "None." : lines.join("\n");
}

function confidenceOf(cases: readonly AnswerCase[]): string {
  const counts = new Map<string, number>();
  for (const { confidence } of cases) counts.set(confidence, (counts.get(confidence) ?? 0) + 1);
  return [...counts].map(([confidence, count]) => `${count} ${confidence}`).join(", ");
}

function shareOf(judged: readonly Judged[], isRight: (of: Judged) => boolean): string {
  const count = judged.filter(isRight).length;
  return `${count} (${((count / judged.length) * 100).toFixed(1)} %)`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(reportPath, renderReport());
  console.log("Wrote docs/classification.md");
}
