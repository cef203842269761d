import type { Classification, ClassificationContext, Dimension, SharedBy } from "../types.ts";
import { verdictByWords } from "./lexicon/by-words.ts";
import { verdictByCode } from "./lexicon/codes.ts";
import { verdictByEdge, verdictByPage } from "./lexicon/edge.ts";
import { verdictBySize } from "./lexicon/size.ts";
import type { Stage, Verdict } from "./lexicon/verdict.ts";
import type { AnswerClassifier, ClassifierInput, Provider } from "./provider.ts";
import { isOfStatusAlone, looksInside, stageOfRules } from "./provider-rules.ts";
import { type Answer, type Facts, gatherFacts } from "./reading/facts.ts";
import { containsAny } from "./reading/guarded.ts";
import { HeaderView, readHeaderDelay, readServerTime } from "./reading/headers.ts";
import type { ResetUnit } from "./reading/reset-grammar.ts";
import {
  classificationOf,
  classificationOfFailure,
  isConfirmed,
  mayStateDelay,
  nobodyToBlame,
  statusIn,
  verdictByStatus,
} from "./status-classifier.ts";
import {
  dimensionInWords,
  limitOf,
  type QuotaFailure,
  readQuotaFailure,
  statedLimitIn,
  windowInWords,
} from "./waits/limit-words.ts";
import { exhaustedBucket, type HeaderBucket, namedBucket, readHeaderBuckets } from "./waits/rate-limit-headers.ts";
import { readRetryDelay } from "./waits/retry-delay.ts";
import { readDeclaredBuckets, ruledResetMs } from "./waits/stated-resets.ts";

const noContext: ClassificationContext = {};
const badRequest: Verdict = { kind: "bad_request", strength: "unknown" };
const serverError: Verdict = { kind: "server_error", strength: "likely" };
const misplacedPage: Verdict = { kind: "bad_request", scope: "provider", sharedBy: "provider" };

/** The answer's own words, whoever gave it. */
const wordStages: readonly Stage[] = [verdictByPage, verdictByCode, verdictBySize];

/** What the status says; a bare text or a list of errors in a success is the request's own fault. */
function verdictByStatusOf({ effectiveStatus: status, headers, serverNow, isErrorObject }: Facts): Verdict {
  if (status < 400) return isErrorObject ? serverError : badRequest;
  return verdictByStatus(status, headers, status === 503 && readHeaderDelay(headers, serverNow) !== null);
}

/** Reads codes and words as many APIs use them, and a provider's own rules. For `classifier` of a provider. */
export function lexicon(provider: Provider): AnswerClassifier {
  return classifierBy(provider, verdictByWords);
}

/** As `lexicon`, the words read by something else. */
export function classifierBy(provider: Provider, words: Stage): AnswerClassifier {
  const classifier = new Classifier(provider, words);
  return (input) => classifier.classify(input);
}

const withWords = new WeakMap<Provider, Provider>();

/** The same provider, its answers read by the lexicon unless it says otherwise. The same object for the same provider. */
export function withLexicon(provider: Provider): Provider {
  if (provider.classifier !== undefined) return provider;
  let reading = withWords.get(provider);
  if (reading === undefined) {
    reading = { ...provider, classifier: lexicon };
    withWords.set(provider, reading);
  }
  return reading;
}

/**
 * Classifies answers of one provider: what happened, what it covers and what may be done about it. Synchronous and pure; it
 * never throws, whatever it is given.
 */
class Classifier {
  readonly #provider: Provider | undefined;
  /** What the provider says in its own way. */
  readonly #dialect: readonly Stage[];
  /** What holds for every API. */
  readonly #words: readonly Stage[];
  /** What it means by a status, where no words say otherwise. */
  readonly #byStatus: Stage;
  /** How it says no in answers that hold no error object; most providers do not. */
  readonly #inside: Stage | undefined;

  constructor(provider: Provider | undefined, words: Stage) {
    this.#provider = provider;
    this.#words = [...wordStages, words];
    const { errors = [] } = provider ?? {};
    this.#dialect = [verdictByEdge, stageOfRules(errors.filter((rule) => !isOfStatusAlone(rule)))];
    this.#byStatus = stageOfRules(errors.filter(isOfStatusAlone), "likely");
    const inside = errors.filter(looksInside);
    this.#inside = inside.length > 0 ? stageOfRules(inside) : undefined;
  }

  classify(input: ClassifierInput): Classification {
    try {
      const { error, now, context = noContext } = input;
      const status = statusIn(input.status);
      if (status < 400 && error !== undefined && error !== null) return classificationOfFailure(error, context);
      if (status === 0 && input.body === undefined) return classificationOf({ kind: "network" });
      const answer = { status, headers: input.headers, body: input.body, now, context: context ?? noContext };
      const facts = gatherFacts(answer, this.#inside !== undefined);
      if (facts === null) return describeSuccess(answer, this.#provider);
      if (facts.isEmbedded && facts.format === "markup") return classificationOf(misplacedPage);
      const verdict = this.#verdictOn(facts);
      return verdict === null ? describeSuccess(answer, this.#provider) : complete(facts, verdict, this.#provider);
    } catch {
      return nobodyToBlame();
    }
  }

  /** `null`: a success after all. */
  #verdictOn(facts: Facts): Verdict | null {
    if (!facts.looksRefused) return this.#inside?.(facts) ?? null;
    for (const stage of this.#dialect) {
      const verdict = stage(facts);
      if (verdict !== null) return verdict;
    }
    for (const stage of this.#words) {
      const verdict = stage(facts);
      if (verdict !== null) return withDetails(verdict, this.#byStatus(facts));
    }
    if (facts.isDoubtful) return null;
    return this.#byStatus(facts) ?? verdictByStatusOf(facts);
  }
}

/** What the provider means by the status holds in particulars that its words leave open, if it means the same. */
function withDetails(verdict: Verdict, ofStatus: Verdict | null): Verdict {
  if (ofStatus?.kind !== verdict.kind) return verdict;
  // Credentials that are renewed are not given up, whatever the words.
  const isDefinitive = ofStatus.isDefinitive ?? verdict.isDefinitive;
  return { ...ofStatus, ...verdict, isDefinitive, strength: verdict.strength };
}

/** A success; where the provider's own counters say that it was the last one of its window, also until when. */
function describeSuccess(
  { headers, now }: Answer,
  { headers: counters = [], sharedBy }: Partial<Provider> = {},
): Classification {
  if (counters.length === 0) return classificationOf({ kind: "none" });
  const view = HeaderView.of(headers);
  const bucket = exhaustedBucket(readDeclaredBuckets(view, counters, readServerTime(view, now)));
  if (bucket === null) return classificationOf({ kind: "none" });
  return classificationOf(
    { kind: "none", sharedBy, window: bucket.window, dimension: plainDimension(bucket) },
    bucket.resetMs,
  );
}

/** Fills in what a verdict leaves open: delay, window, dimension and who shares the limit. */
function complete(facts: Facts, verdict: Verdict, provider: Provider | undefined): Classification {
  if (verdict.kind === "rate_limit" || verdict.kind === "quota_exhausted")
    return completeLimit(facts, verdict, provider);
  const retryAfterMs = mayStateDelay(verdict) ? delayOf(facts, verdict, provider, noBuckets) : null;
  if (verdict.kind === "invalid_key")
    return classificationOf(verdict, null, isConfirmed(verdict, facts.context, facts.headers));
  if (verdict.kind !== "context_length" || verdict.scope !== "model") return classificationOf(verdict, retryAfterMs);
  // Larger than a rate limit: the limit's own window and dimension.
  const window = windowInWords(facts.message);
  return classificationOf({ ...verdict, window, dimension: dimensionInWords(facts.message) });
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
  const delayMs = delayOf(facts, verdict, provider, hints, statedMs);
  const { scope, sharedBy } = ownerOf(verdict, failure, provider, message);
  const { kind, retryable, failover, strength } = verdict;
  const found = classificationOf({ kind, scope, sharedBy, window, dimension, retryable, failover, strength }, delayMs);
  if (!isRate) return found;
  // Quota details say it precisely, messages in words.
  const limit =
    failure === null
      ? statedLimitIn(message, namedDimension ?? found.dimension, found.window)
      : limitOf(failure.limit, failure.isInput ? "inputTokens" : failure.dimension, failure.window);
  return limit === null ? found : { ...found, limit };
}

/** By the provider's own grammar, or by the usual names where it is not known. */
function bucketsIn({ headers, serverNow, context }: Facts, provider: Provider | undefined): readonly HeaderBucket[] {
  return provider?.headers === undefined
    ? readHeaderBuckets(headers, serverNow, asResetUnit(context))
    : readDeclaredBuckets(headers, provider.headers, serverNow);
}

/** Whose limit was hit: by the rule, by the quota's own name, by what is known of the provider, or by the words. */
function ownerOf(
  verdict: Verdict,
  failure: QuotaFailure | null,
  provider: Provider | undefined,
  message: string,
): Pick<Verdict, "scope" | "sharedBy"> {
  let { scope, sharedBy } = verdict;
  if (verdict.kind === "rate_limit") {
    const isOfProject = failure?.isPerProject === true;
    if (scope === undefined) sharedBy ??= isOfProject ? "project" : (provider?.sharedBy ?? sharedByWords(message));
    if (failure?.isPerModel === true || (!isOfProject && provider?.perModel === true)) scope ??= "model";
  }
  if (sharedBy === "account" || sharedBy === "project") scope ??= "account";
  return { scope, sharedBy };
}

/** What was stated (in headers: `statedMs`, where they were looked at), unless a rule knows better or nothing was. */
function delayOf(
  facts: Facts,
  { reset, resetWins, ignoresDelay }: Verdict,
  provider: Provider | undefined,
  buckets: readonly HeaderBucket[],
  statedMs: number | null = null,
): number | null {
  if (ignoresDelay === true) return null;
  const ruledMs = reset === undefined ? null : ruledResetMs(reset, facts, provider ?? {});
  if (resetWins === true && ruledMs !== null) return ruledMs;
  if (statedMs !== null) return statedMs;
  const hints = { buckets, times: facts.said.times, timeZone: provider?.dayZone };
  const spoken = { details: facts.envelope.details, message: facts.message };
  return readRetryDelay(facts.headers, spoken, facts.serverNow, hints) ?? ruledMs;
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

function asResetUnit({ resetUnit }: ClassificationContext): ResetUnit | undefined {
  return resetUnit === "ms" || resetUnit === "s" || resetUnit === "epoch" ? resetUnit : undefined;
}
