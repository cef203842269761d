import { described, type Plan } from "./abort-plans.ts";
import { goodPieces, type Play } from "./abort-provider.ts";
import type { Course } from "./abort-run.ts";

/** What is wrong with how a call went; `undefined`: nothing. */
export function verdictOn(plan: Plan, course: Course): string | undefined {
  const what = problemOf(plan, course);
  if (what === undefined) return undefined;
  const { outcome, abortedIn, turns } = course;
  const shown =
    outcome.kind === "rejected" ? `rejected with ${String(outcome.error)}` : JSON.stringify(outcome).slice(0, 200);
  return `${what}: ${shown}, aborted in ${abortedIn}, after ${turns} turns; ${described(plan)}`;
}

function problemOf(plan: Plan, course: Course): string | undefined {
  const { outcome, abortedIn, reason, turns, wasComplete } = course;
  const wasAborted = abortedIn === "call" || abortedIn === "body";
  // The body of a function that knows no signals goes on, unless a copy of it is made here.
  const isHeard = abortedIn === "call" || !plan.face.isDeaf;
  // All of it was here: it is read to its end. Node 20 forgets to tell the end to whoever aborts then, with or without us.
  const isTimedOut = plan.pool.trouble === "short-bounds" && outcome.kind === "rejected" && isTimeout(outcome.error);
  if (wasComplete && (outcome.kind === "hung" || isTimedOut)) return undefined;
  if (wasComplete && outcome.kind === "answered") return isRight(plan, course) ? undefined : "the answer is wrong";
  if (wasAborted && isHeard && turns > 1) return "the abort was late";
  if (outcome.kind === "left") return undefined;
  if (outcome.kind === "hung") return "the abort was not heard";
  if (outcome.kind === "rejected") {
    if (wasAborted && outcome.error === reason) return undefined;
    if (isTimedOut) return undefined;
    return wasAborted ? "the abort did not end it with its own reason" : "it failed";
  }
  if (wasAborted && isHeard && !outcome.isExhausted) return "an answer came that was not complete before the abort";
  return isRight(plan, course) ? undefined : "the answer is wrong";
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function isRight({ pool, name, plays }: Plan, { outcome, bytes }: Course): boolean {
  if (outcome.kind !== "answered") return true;
  const { status, text, isExhausted } = outcome;
  if (isExhausted) return pool.name === "requests" || pool.name === "concurrency" || pool.trouble !== "none";
  const sent = bytes ?? Number(/bytes":(\d+)|call-\d+-(\d+)-/.exec(text)?.slice(1).find(Boolean));
  return status === 200 && sent > 0 && text === goodPieces(name, plays.at(-1) as Play, sent).join("");
}
