import type {
  Classification,
  ClassificationContext,
  Dimension,
  Kind,
  Scope,
  SharedBy,
  StatedLimit,
  WindowName,
} from "../types.ts";
import { verdictByCode, verdictByWeakCode } from "./lexicon/code-table.ts";
import { verdictByEdge } from "./lexicon/edge.ts";
import { verdictByMessage } from "./lexicon/message-rules.ts";
import { verdictByStatus } from "./lexicon/status-table.ts";
import { kindDefaults, type Stage, type Verdict } from "./lexicon/verdict.ts";
import type { Provider } from "./provider.ts";
import { rulesForSuccess, stageOfRules } from "./provider-rules.ts";
import { type Answer, type Facts, gatherFacts } from "./reading/facts.ts";
import { containsAny, readField } from "./reading/guarded.ts";
import { type HeaderSource, HeaderView, readHeaderDelay, readServerTime } from "./reading/headers.ts";
import type { ResetUnit } from "./reading/reset-grammar.ts";
import { classifyTransportError } from "./reading/transport.ts";
import { dimensionInWords, type QuotaFailure, readQuotaFailure, windowInWords } from "./waits/limit-words.ts";
import { exhaustedBucket, type HeaderBucket, namedBucket, readHeaderBuckets } from "./waits/rate-limit-headers.ts";
import { readRetryDelay } from "./waits/retry-delay.ts";
import { limitOf, statedLimitIn } from "./waits/stated-limit.ts";
import { readDeclaredBuckets, ruledResetMs } from "./waits/stated-resets.ts";

/** What is known of one answer, or of the failure to get one. */
export interface ClassifierInput {
  /** Status of the response. @default none: the request failed before one came */
  readonly status?: number | undefined;
  readonly headers?: HeaderSource | undefined;
  /** The body, parsed or as raw text. Beyond 64 KiB a text is not read. */
  readonly body?: unknown;
  /** What the transport threw. */
  readonly error?: unknown;
  /** Wall clock, epoch milliseconds. */
  readonly now: number;
  readonly context?: ClassificationContext | undefined;
}

/** A key younger than this may not be known everywhere at its provider yet. */
const freshKeyMs = 300_000;
/** A key that worked this recently is more likely to meet an outage than to be dead. */
const recentSuccessMs = 3_600_000;

const noContext: ClassificationContext = {};
const kindsWithDelay: ReadonlySet<Kind> = new Set([
  "rate_limit",
  "quota_exhausted",
  "overloaded",
  "server_error",
  "timeout",
  "network",
]);
const misplacedPage: Verdict = { kind: "bad_request", scope: "provider", sharedBy: "provider" };

const genericStages: readonly Stage[] = [verdictByCode, verdictByMessage, verdictByWeakCode, verdictByStatus];

/**
 * Classifies answers of one provider: what happened, what it covers and what may be done about it. Synchronous and pure; it
 * never throws, whatever it is given.
 */
export class Classifier {
  readonly #provider: Provider | undefined;
  readonly #stages: readonly Stage[];
  /** Looks for errors in answers that say success and hold no error object; most providers have none. */
  readonly #successStage: Stage | undefined;

  constructor(provider: Provider | undefined) {
    this.#provider = provider;
    const { errors = [] } = provider ?? {};
    this.#stages = [verdictByEdge, ...(errors.length > 0 ? [stageOfRules(errors)] : []), ...genericStages];
    const successRules = provider === undefined ? [] : rulesForSuccess(provider);
    this.#successStage = successRules.length > 0 ? stageOfRules(successRules) : undefined;
  }

  classify(input: ClassifierInput): Classification {
    try {
      return this.#judge(input);
    } catch {
      // Hostile input is no reason to fail a request: nobody is blamed for it.
      return compose({ kind: "network" });
    }
  }

  #judge(input: ClassifierInput): Classification {
    const { error, now, context = noContext } = input;
    const status = asStatus(input.status);
    if (status < 400 && error !== undefined && error !== null) return judgeFailure(error, context);
    if (status === 0 && input.body === undefined) return compose({ kind: "network" });
    const answer = { status, headers: input.headers, body: input.body, now, context: context ?? noContext };
    const facts = gatherFacts(answer);
    if (facts === null) return this.#judgeSuccess(answer);
    if (facts.isEmbedded && facts.format === "markup") return compose(misplacedPage);
    for (const stage of this.#stages) {
      const verdict = stage(facts);
      if (verdict !== null) return complete(facts, verdict, this.#provider);
    }
    return compose({ kind: "server_error" });
  }

  #judgeSuccess(answer: Answer): Classification {
    const facts = this.#successStage === undefined ? null : gatherFacts(answer, true);
    const verdict = facts === null ? null : (this.#successStage?.(facts) ?? null);
    return facts === null || verdict === null
      ? describeSuccess(answer, this.#provider)
      : complete(facts, verdict, this.#provider);
  }
}

/** A success; where the provider's own counters say that it was the last one of its window, also until when. */
function describeSuccess(
  { headers, now }: Answer,
  { headers: counters = [], sharedBy }: Partial<Provider> = {},
): Classification {
  if (counters.length === 0) return compose({ kind: "none" });
  const view = HeaderView.of(headers);
  const bucket = exhaustedBucket(readDeclaredBuckets(view, counters, readServerTime(view, now)));
  if (bucket === null) return compose({ kind: "none" });
  return compose({ kind: "none", sharedBy, window: bucket.window, dimension: plainDimension(bucket) }, bucket.resetMs);
}

function judgeFailure(error: unknown, context: ClassificationContext): Classification {
  const { kind } = classifyTransportError(error);
  const delivered = readField(context, "bytesDelivered");
  // What the caller has seen cannot be taken back, so the request cannot be made again on its behalf.
  const isCommitted = typeof delivered === "number" && delivered > 0;
  return compose(isCommitted ? { kind, retryable: false } : { kind });
}

/** Fills in what a verdict leaves open: delay, window, dimension and who shares the limit. */
function complete(facts: Facts, verdict: Verdict, provider: Provider | undefined): Classification {
  if (verdict.kind === "rate_limit" || verdict.kind === "quota_exhausted")
    return completeLimit(facts, verdict, provider);
  const hasDelay = kindsWithDelay.has(verdict.kind) && verdict.ignoresDelay !== true;
  const retryAfterMs = hasDelay ? delayOf(facts, verdict, provider, noBuckets) : null;
  if (verdict.kind === "invalid_key") return compose(verdict, null, isConfirmed(facts, verdict));
  if (verdict.kind !== "context_length" || verdict.scope !== "model") return compose(verdict, retryAfterMs);
  // Larger than a rate limit: the limit's own window and dimension.
  const window = windowInWords(facts.message);
  return compose({ ...verdict, window, dimension: dimensionInWords(facts.message) });
}

const noBuckets: readonly HeaderBucket[] = [];

function completeLimit(facts: Facts, verdict: Verdict, provider: Provider | undefined): Classification {
  const { headers, envelope, serverNow, message } = facts;
  const failure = readQuotaFailure(envelope.details);
  const { type } = envelope;
  // Some APIs name what was counted in the error's type.
  const typeSays = type === "tokens" || type === "requests" ? type : null;
  const namedDimension = failure?.dimension ?? typeSays ?? dimensionInWords(message);
  const namedWindow = failure?.window ?? windowInWords(message);
  // A bill is not paid by a counter's reset.
  const isRate = verdict.kind === "rate_limit";
  const statedMs = readHeaderDelay(headers, serverNow);
  const { window: ruledWindow = namedWindow, dimension: ruledDimension = namedDimension } = verdict;
  // Where all is said, counters in headers have nothing to add.
  const isTold = statedMs !== null && ruledWindow !== null && ruledDimension !== null;
  const buckets = isRate && !isTold ? bucketsIn(facts, provider) : noBuckets;
  const exhausted = buckets.length === 0 ? null : exhaustedBucket(buckets);
  const { window = namedWindow ?? exhausted?.window, dimension = namedDimension ?? plainDimension(exhausted) } =
    verdict;
  const named = buckets.length === 0 ? null : namedBucket(buckets, dimension ?? null, window ?? null);
  const bucket = exhausted ?? named;
  const hints = bucket === null ? noBuckets : [{ ...bucket, remaining: 0 }];
  const sharedBy = isRate ? rateSharedBy(verdict, failure, provider, message) : verdict.sharedBy;
  const scope = verdict.scope ?? (isRate ? rateScope(failure, sharedBy, provider) : scopeOf(sharedBy));
  const judged = compose({ ...verdict, scope, sharedBy, window, dimension }, delayOf(facts, verdict, provider, hints));
  const limit = isRate ? limitStated(failure, message, namedDimension ?? judged.dimension, judged.window) : null;
  return limit === null ? judged : { ...judged, limit };
}

/** By the provider's own grammar, or by the usual names where it is not known. */
function bucketsIn({ headers, serverNow, context }: Facts, provider: Provider | undefined): readonly HeaderBucket[] {
  return provider?.headers === undefined
    ? readHeaderBuckets(headers, serverNow, asResetUnit(context))
    : readDeclaredBuckets(headers, provider.headers, serverNow);
}

/** How much the limit holds that was hit: quota details say it precisely, messages in words. */
function limitStated(
  failure: QuotaFailure | null,
  message: string,
  dimension: Dimension | null,
  window: WindowName | null,
): StatedLimit | null {
  if (failure === null) return statedLimitIn(message, dimension, window);
  return limitOf(failure.limit, failure.isInput ? "inputTokens" : failure.dimension, failure.window);
}

/** What a rate limit covers: by the quota's own name, by what is known of the provider, or by who shares it. */
function rateScope(
  failure: QuotaFailure | null,
  sharedBy: SharedBy | undefined,
  provider: Provider | undefined,
): Scope | undefined {
  if (failure?.isPerModel === true) return "model";
  if (failure?.isPerProject === true) return "account";
  return provider?.perModel === true ? "model" : scopeOf(sharedBy);
}

/** Who shares a rate limit: by the rule, by what is known of the provider, or by the words. */
function rateSharedBy(
  verdict: Verdict,
  failure: QuotaFailure | null,
  provider: Provider | undefined,
  message: string,
): SharedBy | undefined {
  if (verdict.sharedBy !== undefined || verdict.scope !== undefined) return verdict.sharedBy;
  return failure?.isPerProject === true ? "project" : (provider?.sharedBy ?? sharedByWords(message));
}

/** What was stated, unless a rule knows better or nothing was. */
function delayOf(
  facts: Facts,
  { reset, resetWins, ignoresDelay }: Verdict,
  provider: Provider | undefined,
  buckets: readonly HeaderBucket[],
): number | null {
  if (ignoresDelay === true) return null;
  const ruledMs = reset === undefined ? null : ruledResetMs(reset, facts, provider ?? {});
  if (resetWins === true && ruledMs !== null) return ruledMs;
  const hints = { buckets, timeZone: provider?.dayZone };
  return readRetryDelay(facts.headers, facts.envelope, facts.serverNow, hints) ?? ruledMs;
}

/** Answers tell tokens from requests; which tokens is a matter of counters. */
function plainDimension(bucket: HeaderBucket | null): Dimension | null {
  const dimension = bucket?.dimension ?? null;
  return dimension === "inputTokens" || dimension === "outputTokens" ? "tokens" : dimension;
}

function sharedByWords(message: string): SharedBy | undefined {
  if (message === "") return undefined;
  if (containsAny(message, ["organization", "your account", "for user id", "your team"])) return "account";
  return message.includes("project") ? "project" : undefined;
}

function scopeOf(sharedBy: SharedBy | undefined): Scope | undefined {
  return sharedBy === "account" || sharedBy === "project" ? "account" : undefined;
}

/**
 * Is the refusal reason enough to give the key up? Not where it is bare and the key has worked before, not for a key that is
 * new or worked a moment ago, not while others are refused as well, and not for tokens that are renewed anyway.
 */
function isConfirmed({ context, headers }: Facts, verdict: Verdict): boolean {
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

function asResetUnit({ resetUnit }: ClassificationContext): ResetUnit | undefined {
  return resetUnit === "ms" || resetUnit === "s" || resetUnit === "epoch" ? resetUnit : undefined;
}

/** Statuses out of logs and queues are strings at times. */
function asStatus(given: unknown): number {
  const status = typeof given === "string" && /^\d{3}$/.test(given) ? Number(given) : given;
  return typeof status === "number" && Number.isInteger(status) && status >= 100 && status <= 999 ? status : 0;
}

function compose(verdict: Verdict, retryAfterMs: number | null = null, disableKey = false): Classification {
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
  };
}
