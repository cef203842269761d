import type { Classification, CooldownChange, Outcome, Scope, ScopeId, Usage } from "./types.ts";

/**
 * The three ports of a pool, for whoever learns (`PoolObserver`), advises (`WalkAdvisor`) or tells (`CallObserver`). An object
 * may be any of them at once. Its state is its own, kept by account or key id. What it throws is told as an event and harms
 * no call. All times are milliseconds of the pool's monotonic clock.
 */
export type Observer = PoolObserver | WalkAdvisor | CallObserver;

/**
 * What is read for an observer, and only then: `headers` of answers, the time of the `firstContent` of a body, the `usage` that
 * a body tells, the `bodyEnd`. For whoever needs one of the last three an attempt or a call ends with the body of its answer.
 */
export type ObserverNeed = "headers" | "firstContent" | "usage" | "bodyEnd";

/** Headers as far as they are asked for. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** A key, without its secret. */
export interface ObservedKey {
  readonly id: string;
  readonly account: string;
  /** Provider and name: no other account of the pool has it. */
  readonly accountId: string;
}

/** One attempt with a key, as observers see it: the same object from `granted` to `ended`. */
export interface LeaseFacts {
  readonly keyId: string;
  readonly account: string;
  /** Provider and name: no other account of the pool has it. */
  readonly accountId: string;
  /** The provider's name. */
  readonly provider: string;
  /** As its provider knows it. Looked for in the request when it is asked for; `undefined`: it names none. */
  readonly model: string | undefined;
  /** Where the request goes; empty where nobody said so. */
  readonly origin: string;
  readonly startedAt: number;
  /** When the response's headers came; `undefined`: not yet, or no answer came. */
  readonly answeredAt: number | undefined;
  /** Milliseconds the request waited inside for this key. */
  readonly waitedMs: number;
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** Names the secret it is sent with, and is not that secret; `undefined`: one that was not fetched yet. */
  readonly credential: string | undefined;
  /** Has the key another secret by now? Then what is said of this one says nothing of the key. */
  readonly isOutdated: boolean;
  /** Names what a cooldown of this width would cover, for a `CooldownChange`; `undefined` for `request`. */
  scopeOf(scope: Scope): ScopeId | undefined;
}

/** How an attempt ended. */
export interface LeaseResult {
  readonly outcome: Outcome;
  /** Did the request leave this machine? Only `"no"` gives quota back. @default "yes" */
  readonly sent?: "no" | "yes" | "unknown" | undefined;
  /** What a failure means: it decides what cools down. */
  readonly classification?: Classification | undefined;
  /** Real token amounts, where the answer told them. */
  readonly usage?: Usage | undefined;
  /** A refusal's headers. @default none came */
  readonly headers?: HeaderReader | undefined;
  /** What was read of a refusal's body. It may quote the request: not for a log. @default nothing was read */
  readonly text?: string | undefined;
}

/** How an attempt failed, and what its classification puts into cooldown. */
export interface LeaseRefusal extends LeaseResult {
  readonly classification: Classification;
  readonly cooldowns: readonly CooldownChange[];
}

/** An account comes last for a time: it serves where nobody else can. */
export interface Deprioritize {
  /** The account, by name or id. */
  readonly deprioritize: string;
  readonly forMs: number;
}

/** Ends the cooldowns that an earlier attempt's end began, as far as no provider stated them. */
export interface Undo {
  readonly undo: LeaseFacts;
}

export type PoolChange = CooldownChange | Deprioritize | Undo;

/** What follows for the pool from what an observer saw; nothing is said by returning nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without `return` is of this type, and of no other that has `undefined`
export type PoolChanges = readonly PoolChange[] | void;

/** Learns from attempts, and may put keys and accounts into cooldown for it. */
export interface PoolObserver {
  /** @default nothing */
  readonly needs?: readonly ObserverNeed[] | undefined;
  /** A key was given to a request. */
  granted?(lease: LeaseFacts): PoolChanges;
  /**
   * The headers of a good answer are here; of a stream before it is known whether its beginning holds an error. They are read for
   * whoever has this.
   */
  headers?(lease: LeaseFacts, headers: HeaderReader): PoolChanges;
  /** A classified failure. Unlike `ended`, it costs a good attempt nothing. Told before `ended`. */
  refused?(lease: LeaseFacts, refusal: LeaseRefusal): PoolChanges;
  /** The attempt is over, however it ended. What follows from it reaches the store with the attempt's own end. */
  ended?(lease: LeaseFacts, result: LeaseResult): PoolChanges;
  keyAdded?(key: ObservedKey): void;
  keyRemoved?(key: ObservedKey): void;
  /** What it knows of a key or its account, for `snapshot()`, which shows it under `observed`. */
  describe?(key: ObservedKey): object | undefined;
}

/** A refused attempt of a call that is not over. */
export interface RefusedAttempt {
  readonly lease: LeaseFacts;
  /** `null`: no answer came. */
  readonly status: number | null;
  readonly classification: Classification;
  readonly headers: HeaderReader | undefined;
  /** Equal for refusals with the same status in the same words, whatever ids and numbers. It may quote the request: not for a log. */
  readonly fingerprint: string;
  /** Whose request it is: its affinity, where it has one, else the call. Equal for the same one. */
  readonly subject: unknown;
  /** May the same request be sent to another account on a guess? */
  readonly repeatable: boolean;
}

/** What a call does after a refusal, and what follows for the pool. */
export type Advice = {
  /** @default nothing */
  readonly changes?: readonly PoolChange[] | undefined;
} & (
  | /** The refusal is the answer. */ { readonly advice: "return" }
  /** Another account, and none of these. */
  | { readonly advice: "next"; readonly except?: readonly string[] | undefined }
  /** Any account, but not before this time of the monotonic clock. */
  | { readonly advice: "wait"; readonly until: number }
);

/** Advises a call that was refused. The first advisor who says something is followed. */
export interface WalkAdvisor {
  /** @param earlier the call's refusals before this one, oldest first */
  advise(refusal: RefusedAttempt, earlier: readonly RefusedAttempt[]): Advice | undefined;
  /** Another account served the call in the end. */
  served?(lease: LeaseFacts, earlier: readonly RefusedAttempt[]): PoolChanges;
}

/**
 * How a call ended: a good answer was `served` by a key or was `cached`; a refusal or failure was `passed_on` after at least
 * one attempt; its caller or a time-out had it `aborted`; or it was `never_leased`, as no key could serve it.
 */
export type CallOutcome = "served" | "cached" | "passed_on" | "aborted" | "never_leased";

/** A call that is over. */
export interface EndedCall {
  readonly requestId: string;
  readonly outcome: CallOutcome;
  /** As the request names it. */
  readonly model: string | undefined;
  /** As the provider of the last attempt knows it. */
  readonly realModel: string | undefined;
  /** The request's path, without its query. */
  readonly path: string;
  /** Of the last attempt; `null`: there was none. */
  readonly keyId: string | null;
  readonly account: string | null;
  readonly provider: string;
  readonly attempts: number;
  /** Of the answer that was handed over; `null`: the call was rejected. */
  readonly status: number | null;
  /** Milliseconds spent waiting inside, for keys and before repeats. */
  readonly waitedMs: number;
  /** Milliseconds from the call to its answer, or to the end of its body for whoever needs that. */
  readonly elapsedMs: number;
  /** Milliseconds from the call to the first content of its body. @default not looked for, or none came */
  readonly firstContentMs: number | undefined;
  /** What the answer told of its use. @default not looked for, or not told */
  readonly usage: Usage | undefined;
  /** The answer's. @default not needed */
  readonly headers: HeaderReader | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** Told of calls: logs, metrics, bills. */
export interface CallObserver {
  /** @default nothing */
  readonly needs?: readonly ObserverNeed[] | undefined;
  /** Once for every call, however it ended. */
  callEnded(call: EndedCall): void;
}
