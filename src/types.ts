/** A value now, or a promise of it. In-memory parts answer synchronously and cost no microtask. */
export type Awaitable<T> = T | Promise<T>;

/** Time as the library sees it. Injected everywhere, so that tests own it. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. Used for calendar windows and HTTP dates. May jump. */
  wall(): number;
  /** Milliseconds that never go back. Used for rolling windows, cooldowns and durations. */
  monotonic(): number;
  /**
   * Calls back once after at least `delayMs`; returns a function that cancels it.
   * A delay longer than the platform's timers can hold must be kept, not fired early. One in the background does not keep
   * the process alive.
   */
  timer(callback: () => void, delayMs: number, background?: boolean): () => void;
  /**
   * Does a timer end with the request it was set in, as in Cloudflare Workers
   * (https://developers.cloudflare.com/workers/runtime-apis/context/)? Then nobody relies on another request's. @default false
   */
  readonly timersEndWithRequest?: boolean | undefined;
}

/** A number in [0, 1), as `Math.random` gives it. */
export type Random = () => number;

/** Where the library writes what an operator may want to read. Silent unless one is given. Never receives a secret. */
export interface Logger {
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** What an answer turned out to be. */
export type Kind =
  | "none"
  | "rate_limit"
  | "quota_exhausted"
  | "invalid_key"
  | "forbidden"
  | "overloaded"
  | "server_error"
  | "bad_request"
  | "content_filter"
  | "context_length"
  | "timeout"
  | "network"
  | "aborted";

/** What a limit or a cooldown covers. `model` is the pair of account and model; `ip` is this machine's egress. */
export type Scope = "request" | "model" | "key" | "account" | "ip" | "provider";

/** Who shares the bucket that ran dry. */
export type SharedBy = "key" | "account" | "project" | "ip" | "provider" | "request";

export type WindowName = "second" | "minute" | "hour" | "day" | "month";

/** What a limit counts. */
export type Dimension = "requests" | "tokens" | "inputTokens" | "outputTokens" | "concurrency";

/** What became of one try of a call. */
export interface AttemptSummary {
  /** The key's number in its pool: it tells nothing of the key itself. */
  readonly key: number;
  /** Name of the key's provider. @default the pool has one */
  readonly provider?: string | undefined;
  /** `"none"`: it was answered well. */
  readonly outcome: Kind;
  /** `null`: no answer came. */
  readonly status: number | null;
  /** Milliseconds to response headers, or to the failure. */
  readonly elapsedMs: number;
  /** What the request calls its model, and the name it was sent under. @default the key renames none */
  readonly renamed?: { readonly model: string; readonly realModel: string } | undefined;
}

/** The judgement on one answer. Decisions follow `failover`, `scope` and `disableKey`; `kind` is for reporting. */
export interface Classification {
  readonly kind: Kind;
  readonly scope: Scope;
  readonly sharedBy: SharedBy;
  readonly window: WindowName | null;
  readonly dimension: Dimension | null;
  /** Milliseconds until the condition ends, as the provider stated it; `0` is a statement, `null` means unknown. */
  readonly retryAfterMs: number | null;
  /** May the same request succeed later without any change? */
  readonly retryable: boolean;
  /** Could a key of another account succeed with the same request now? */
  readonly failover: boolean;
  /** Only for credentials that are definitively dead; never for quota or billing. */
  readonly disableKey: boolean;
  /** How much of it the answer itself says. */
  readonly strength: Strength;
  /** The limit that was hit, where the answer stated it. @default not stated */
  readonly limit?: StatedLimit | undefined;
}

/**
 * - `"certain"`: the provider's own words or codes say so.
 * - `"likely"`: the status says so, or weak words.
 * - `"unknown"`: the status may mean many things, and no words were understood.
 */
export type Strength = "certain" | "likely" | "unknown";

/** A limit in a provider's own words. */
export interface StatedLimit {
  readonly amount: number;
  readonly dimension: Dimension;
  /** `null` only for concurrency. */
  readonly window: WindowName | null;
}

/** What an answer said of a limit, as far as it still holds. */
export interface LearntLimit {
  readonly dimension: Dimension;
  readonly window: WindowName | null;
  readonly model: string | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  /** Milliseconds; `null` when nothing was said of a reset. */
  readonly resetInMs: number | null;
  /** Did a counter in headers say so, or the words of a refusal? */
  readonly from: "headers" | "refusal";
  /** The header it was read from. */
  readonly header: string | null;
  /** How long ago, milliseconds. */
  readonly seenAgoMs: number;
}

/** Accounts that were given apart and turned out to be one. */
export interface InferredAccount {
  /** The provider's own name for them. */
  readonly evidence: string;
  readonly accounts: readonly string[];
}

/**
 * What is known about a key when its answer is judged. All of it is optional: a fresh key has no history.
 */
export interface ClassificationContext {
  readonly keyAgeMs?: number | undefined;
  readonly everSucceeded?: boolean | undefined;
  readonly lastSuccessAgoMs?: number | undefined;
  /** How many other keys got a 401 within the last seconds: many at once is an outage, not a massacre. */
  readonly otherKeys401Recently?: number | undefined;
  /** Bytes of the body the caller has already received. */
  readonly bytesDelivered?: number | undefined;
  readonly credentialType?: string | undefined;
  /** Unit of a reset header whose grammar is ambiguous, as the user knows it: `"ms"`, `"s"`, `"epoch"`. */
  readonly resetUnit?: string | undefined;
}

/** Cooldown provenance: only `heuristic` and `credit` ones may end early. */
export type CooldownSource = "authoritative" | "heuristic" | "credit" | "operator";

/**
 * Name of something that can be limited or cooled: `key:<provider>/<id>`, `account:<provider>/<name>`,
 * `model:<provider>/<account>|<model>`, `credential:<provider>/<fingerprint>`, `ip:<provider>/<egress>`, `provider:<origin>` (with `|<model>` for one that is overloaded there). Opaque to a store. Never contains a secret.
 */
export type ScopeId = string;

export type Outcome = "success" | "failure" | "aborted";

/** Real amounts, where the answer told them. */
export interface Usage {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly totalTokens?: number | undefined;
}

/** How many tokens a request may use. */
export interface TokenEstimate {
  /** Going in. @default 0 */
  readonly input?: number | undefined;
  /** Coming out, at most. @default 2000 */
  readonly output?: number | undefined;
}

/** Growing cooldowns for refusals that name no time: `baseMs * factor ** strikes`, at most `maxMs`, jittered by the share `jitter`. */
export interface LadderSpec {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** 0.2 spreads a step over 100 to 120 % of itself. */
  readonly jitter: number;
}

/**
 * A cooldown to set or end. A shorter one never shortens a longer one; a step of the backoff schedule whose attempt started before the
 * running cooldown began does not climb; `"end"` from anybody but an operator ends only `heuristic` and `credit` ones.
 */
export interface CooldownChange {
  readonly scope: ScopeId;
  readonly set: { readonly forMs: number } | { readonly ladder: LadderSpec; readonly attemptStartedAt: number } | "end";
  readonly reason: string;
  readonly source: CooldownSource;
}

/** `"minute"` and friends, or a length in milliseconds. */
export type LimitPeriod = WindowName | number;

/**
 * So much of one thing in a window. Exactly one of `requests`, `tokens`, `inputTokens`, `outputTokens` and `concurrency` is
 * given, as an integer of at least 1. A request must pass all limits that apply to it; what it takes is reserved together or
 * not at all.
 */
export interface Limit {
  /** Name under which a key's own limit replaces the pool's. @default derived from what is counted, period, window and models */
  readonly id?: string | undefined;
  /** How many requests the window holds. */
  readonly requests?: number | undefined;
  /** How many tokens, going in and coming out together. Estimated before sending, corrected by the answer. */
  readonly tokens?: number | undefined;
  /** How many tokens going in. */
  readonly inputTokens?: number | undefined;
  /** How many tokens coming out. */
  readonly outputTokens?: number | undefined;
  /** How many requests may be under way at once, each until the end of its response's body. Has no window. */
  readonly concurrency?: number | undefined;
  /** The window's length. @default "minute" */
  readonly per?: LimitPeriod | undefined;
  /**
   * `rolling`: any span of that length. `calendar`: the minute, hour, day or month of `timeZone`. `anchored`: begins with the
   * first request after the last one ended.
   * @default "rolling"
   */
  readonly window?: "rolling" | "calendar" | "anchored" | undefined;
  /** IANA zone whose boundaries a calendar window follows. @default "UTC" */
  readonly timeZone?: string | undefined;
  /**
   * Whose requests are counted together. Providers mostly count per account; `ip` counts all requests of this pool, for
   * limits on the address they come from.
   * @default "account"
   */
  readonly scope?: "key" | "account" | "ip" | undefined;
  /** Models it counts, all on one counter; `*` matches any run of characters. @default all, and requests that name none */
  readonly models?: string | readonly string[] | undefined;
  /** Has each model a counter of its own? Requests that name no model are not counted then. @default false */
  readonly perModel?: boolean | undefined;
}

/** A secret that is fetched when needed: an OAuth token, a vault entry. */
export interface DynamicSecret {
  readonly secret: string;
  /** Epoch milliseconds after which the secret is fetched again. @default never cached */
  readonly expiresAt?: number | undefined;
}

/** What sends requests and answers them. */
export type FetchFunction = (input: string, init?: RequestInit) => Promise<Response>;
