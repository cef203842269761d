import type { Classification, ClassificationContext, Kind } from "../types.ts";
import { kindDefaults, type Verdict } from "./lexicon/verdict.ts";
import type { AnswerClassifier, ClassifierInput } from "./provider.ts";
import { containsAny, readField } from "./reading/guarded.ts";
import { HeaderView, readHeaderDelay, readServerTime } from "./reading/headers.ts";
import { classifyTransportError } from "./reading/transport.ts";

/** A key younger than this may not be known everywhere at its provider yet. */
const freshKeyMs = 300_000;
/** A key that worked this recently is more likely to meet an outage than to be dead. */
const recentSuccessMs = 3_600_000;

const noContext: ClassificationContext = {};
/** Any status of a refused request may be anybody's fault; these mean much the same everywhere. */
const refusedKey: Verdict = { kind: "invalid_key", strength: "likely" };
const badRequest: Verdict = { kind: "bad_request", strength: "unknown" };
const serverError: Verdict = { kind: "server_error", strength: "likely" };
const timeout: Verdict = { kind: "timeout", strength: "likely" };
const overloaded: Verdict = { kind: "overloaded", strength: "likely" };
const cancelled: Verdict = { ...timeout, scope: "request", sharedBy: "request", retryable: false };

const verdictOfStatus: ReadonlyMap<number, Verdict> = new Map([
  [401, refusedKey],
  [402, { kind: "quota_exhausted", strength: "likely" }],
  [403, { kind: "forbidden", strength: "likely" }],
  [407, { kind: "network", strength: "likely" }],
  [408, timeout],
  [429, { kind: "rate_limit", strength: "likely" }],
  [498, overloaded],
  [499, cancelled],
  [504, timeout],
  [524, timeout],
  [529, overloaded],
]);

const kindsWithDelay: ReadonlySet<Kind> = new Set([
  "rate_limit",
  "quota_exhausted",
  "overloaded",
  "server_error",
  "timeout",
  "network",
]);

/** What holds for every API: what a status means, and until when by `Retry-After`. The body is not looked at. */
export function byStatus(): AnswerClassifier {
  return (input) => {
    try {
      return classify(input);
    } catch {
      return nobodyToBlame();
    }
  };
}

function classify(input: ClassifierInput): Classification {
  const { error, now, context = noContext } = input;
  const status = statusIn(input.status);
  if (status < 400 && error !== undefined && error !== null) return classificationOfFailure(error, context);
  if (status < 400) return classificationOf({ kind: status === 0 ? "network" : "none" });
  const headers = HeaderView.of(input.headers);
  const delayMs = readHeaderDelay(headers, readServerTime(headers, now));
  const verdict = verdictByStatus(status, headers, delayMs !== null);
  const disableKey = verdict.kind === "invalid_key" && isConfirmed(verdict, context ?? noContext, headers);
  return classificationOf(verdict, mayStateDelay(verdict) ? delayMs : null, disableKey);
}

/** What is left to say when only the status speaks, one of an error. */
export function verdictByStatus(status: number, headers: HeaderView, statesDelay: boolean): Verdict {
  const known = verdictOfStatus.get(status);
  if (known !== undefined) return known;
  if (status === 503) return statesDelay ? overloaded : serverError;
  if (status >= 500) return serverError;
  // The server knows better than the table, for example about a conflict that passes.
  return headers.get("x-should-retry")?.trim().toLowerCase() === "true" ? serverError : badRequest;
}

/** Does a time that is stated with such an answer say when it is over? */
export function mayStateDelay({ kind, ignoresDelay }: Verdict): boolean {
  return kindsWithDelay.has(kind) && ignoresDelay !== true;
}

/** A request that got no answer. */
export function classificationOfFailure(error: unknown, context: ClassificationContext): Classification {
  const { kind } = classifyTransportError(error);
  const delivered = readField(context, "bytesDelivered");
  // What the caller has seen cannot be taken back, so the request cannot be made again on its behalf.
  const isCommitted = typeof delivered === "number" && delivered > 0;
  return classificationOf(isCommitted ? { kind, retryable: false } : { kind });
}

/** Hostile input is no reason to fail a request. */
export function nobodyToBlame(): Classification {
  return classificationOf({ kind: "network" });
}

/**
 * Is the refusal reason enough to give the key up? Not where it is bare and the key has worked before, not for a key that is
 * new or worked a moment ago, not while others are refused as well, and not for tokens that are renewed anyway.
 */
export function isConfirmed(verdict: Verdict, context: ClassificationContext, headers: HeaderView): boolean {
  if (verdict.isDefinitive === false) return false;
  if (headers.get("www-authenticate")?.toLowerCase().includes("invalid_token") === true) return false;
  const { keyAgeMs, everSucceeded, lastSuccessAgoMs, otherKeys401Recently, credentialType } = context;
  if (verdict.isDefinitive !== true && (everSucceeded === true || lastSuccessAgoMs !== undefined)) return false;
  if (keyAgeMs !== undefined && keyAgeMs < freshKeyMs) return false;
  if (lastSuccessAgoMs !== undefined && lastSuccessAgoMs < recentSuccessMs) return false;
  if (otherKeys401Recently !== undefined && otherKeys401Recently > 0) return false;
  return typeof credentialType !== "string" || !containsAny(credentialType.toLowerCase(), renewedTypes);
}

const renewedTypes = ["oauth", "jwt", "token", "dynamic"];

/** Statuses out of logs and queues are strings at times; 0: there is none. */
export function statusIn(given: unknown): number {
  const status = typeof given === "string" && /^\d{3}$/.test(given) ? Number(given) : given;
  return typeof status === "number" && Number.isInteger(status) && status >= 100 && status <= 999 ? status : 0;
}

/** What a verdict leaves open follows from its kind. */
export function classificationOf(
  verdict: Verdict,
  retryAfterMs: number | null = null,
  disableKey = false,
): Classification {
  const defaults = kindDefaults[verdict.kind];
  return {
    kind: verdict.kind,
    scope: verdict.scope ?? defaults.scope,
    sharedBy: verdict.sharedBy ?? defaults.sharedBy,
    window: verdict.window ?? null,
    dimension: verdict.dimension ?? null,
    retryAfterMs,
    retryable: verdict.retryable ?? defaults.retryable,
    failover: verdict.failover ?? defaults.failover,
    disableKey,
    strength: verdict.strength ?? "certain",
  };
}
