import type { Provider } from "../judgement/provider.ts";
import type { SecondOpinion } from "../pool/rotator-options.ts";
import type { Classification, Kind } from "../types.ts";
import type { Call } from "./call.ts";

const neverExecuted = new Set([429, 503, 529]);
const serverErrors = new Set([500, 502]);
const ofCredentials = new Set<Kind>(["invalid_key", "forbidden"]);

/**
 * May this request be sent a second time after that answer? What provably did not run may; what may have run only if
 * running it twice does no harm, or if the user says so.
 */
function mayRepeat(
  call: Call,
  status: number | null,
  sent: "no" | "yes" | "unknown",
  { repeatsServerErrors }: Provider,
  retryUnsafe: boolean,
): boolean {
  if (!call.replayable) return false;
  if (sent === "no") return true;
  if (status !== null && neverExecuted.has(status)) return true;
  if (call.idempotent || retryUnsafe) return true;
  return status !== null && serverErrors.has(status) && repeatsServerErrors === true;
}

/**
 * What follows from a classification. `kind` is for reporting; this follows `failover` and `retryable`.
 * @param provider its own SDKs may repeat a POST after 500 and 502
 * @param retryUnsafe repeat also what may have been executed
 */
export function nextStep(
  classification: Classification,
  call: Call,
  status: number | null,
  sent: "no" | "yes" | "unknown",
  provider: Provider,
  retryUnsafe: boolean,
): "return" | "failover" | "repeat" {
  if (classification.kind === "aborted" || classification.kind === "none") return "return";
  const mayLeave = provider.bindsToAccount !== true || ofCredentials.has(classification.kind);
  if (classification.failover && mayLeave) return call.replayable ? "failover" : "return";
  return classification.retryable && mayRepeat(call, status, sent, provider, retryUnsafe) ? "repeat" : "return";
}

/** The status that a provider which answers in statuses gives with such an error. */
export function impliedStatus({ kind }: Classification): number {
  switch (kind) {
    case "rate_limit":
    case "quota_exhausted":
      return 429;
    case "overloaded":
      return 529;
    case "server_error":
      return 500;
    case "timeout":
      return 504;
    default:
      return 400;
  }
}

/**
 * May a request that was refused be sent to another account only to see what that one says? A refused one did not run, mostly:
 * enough for what may run twice, and for providers whose own clients repeat it, unless the user says otherwise.
 */
export function mayAskAnother(
  call: Call,
  provider: Provider,
  retryUnsafe: boolean,
  secondOpinion: SecondOpinion,
): boolean {
  // What belongs together stays with its account.
  if (!call.replayable || call.account !== undefined) return false;
  if (call.affinity !== undefined && isBinding(call.affinity)) return false;
  if (secondOpinion !== "safe") return secondOpinion === "always";
  return mayRunTwice(call, provider, retryUnsafe);
}

function mayRunTwice(call: Call, { repeatsServerErrors }: Provider, retryUnsafe: boolean): boolean {
  return call.idempotent || retryUnsafe || repeatsServerErrors === true;
}

/**
 * A 402 without a word may be somebody's declined card as well as a balance of ours: a request that must not run twice is not sent
 * again for it, and no account cools down for one.
 */
export function unlessOutcome(
  classification: Classification,
  call: Call,
  provider: Provider,
  retryUnsafe: boolean,
): Classification {
  if (!isGuess(classification) || mayRunTwice(call, provider, retryUnsafe)) return classification;
  return { ...classification, failover: false, scope: "request", sharedBy: "request" };
}

/** Is it a refusal whose owner no words name, and no time was stated? What follows from it is a guess. */
export function isGuess({ failover, strength, retryAfterMs }: Classification): boolean {
  return failover && strength !== "certain" && retryAfterMs === null;
}

/** Does it not pass with time? A refused credential does not; a spent balance only where the provider says when. */
export function isDead({ kind, retryAfterMs }: Classification): boolean {
  return kind === "invalid_key" || ((kind === "quota_exhausted" || kind === "forbidden") && retryAfterMs === null);
}

const sessionPrefix = "client session ";

/** The affinity of calls of a client's session: they are kept together for what it saves, and may be served by any account. */
export function ofSession(session: string): string {
  return sessionPrefix + session;
}

/** Must the calls of this affinity stay on one account, as far as anybody knows? */
function isBinding(affinity: string): boolean {
  return !affinity.startsWith(sessionPrefix);
}
