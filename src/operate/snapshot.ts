import type { LearntLimits } from "../judgement/learning/learnt-limits.ts";
import { lengthOf } from "../limits/limits.ts";
import type { LimitedBucket, RateLimitTracker } from "../limits/rate-limit-tracker.ts";
import { modelScope } from "../limits/scopes.ts";
import type { BucketState, ScopeState, Store, StoreSharing } from "../limits/store.ts";
import { maskSecret } from "../mask.ts";
import type { KeyPool, PooledKey } from "../pool/keys/key-pool.ts";
import type { Clock, CooldownSource, Dimension, InferredAccount, LearntLimit } from "../types.ts";

export interface CooldownSnapshot {
  readonly scope: string;
  readonly reason: string;
  readonly source: CooldownSource;
  /** Milliseconds until it ends. */
  readonly endsInMs: number;
  readonly strikes: number;
}

export interface LimitSnapshot {
  /** The limit's id. */
  readonly id: string;
  readonly dimension: Dimension;
  /** Length of its window, milliseconds; of a calendar window as it usually is. `null`: it counts what is under way. */
  readonly windowMs: number | null;
  /** Models it counts; `null`: all. */
  readonly models: readonly string[] | null;
  /** Of a limit that counts each model apart, the one that is counted here. */
  readonly model: string | null;
  /** What holds now: what was declared, or less where the provider stated less. */
  readonly limit: number;
  readonly declared: number;
  readonly used: number;
  readonly left: number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  readonly resetInMs: number | null;
}

export interface KeySnapshot {
  readonly id: string;
  /** Its number, from 1 in the order in which keys came; it keeps it, and no other key gets it. */
  readonly ordinal: number;
  /** The key's two ends; `null` for a secret not fetched yet. */
  readonly masked: string | null;
  readonly account: string;
  readonly enabled: boolean;
  /**
   * Why it is off: what `disable()` was told, `credential refused`, or `secret unknown` (an operator gave it in an earlier process,
   * and nobody kept its secret). `null`: it is on, or its own settings have it off.
   */
  readonly disabledReason: string | null;
  /** `ready`, `cooling`, `limited` (a declared limit is used up), `refused` (credential) or `disabled`. */
  readonly state: "ready" | "cooling" | "limited" | "refused" | "disabled";
  readonly cooldowns: readonly CooldownSnapshot[];
  readonly limits: readonly LimitSnapshot[];
  /** What answers said of its account's limits, as far as it still holds. */
  readonly learnt: readonly LearntLimit[];
  readonly weight: number;
  readonly priority: number;
  /** Models it may serve; `null`: all. */
  readonly models: readonly string[] | null;
  readonly note: string | null;
  readonly batch: string | null;
  /** Requests given to this key by this process. */
  readonly used: number;
  readonly failures: number;
  /** Epoch milliseconds. */
  readonly lastUsedAt: number | null;
  readonly lastFailureAt: number | null;
}

export interface ModelStanding {
  /** The model, or one of those that share their limits. */
  readonly model: string;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  /** Milliseconds until the next resting account is due for it; `null` when none rests. */
  readonly nextReadyInMs: number | null;
}

export interface PoolSnapshot {
  readonly keys: readonly KeySnapshot[];
  /** Accounts given apart that the provider's own words, or how they are used, show to be one. */
  readonly inferredAccounts: readonly InferredAccount[];
  readonly accounts: number;
  /**
   * Models that stand apart because they rested on their own, have keys or limits of their own; how the accounts stand for each.
   */
  readonly models: readonly ModelStanding[];
  /** Accounts by how they stand for all other requests: by the best of their keys. */
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  readonly disabled: number;
  /** Milliseconds until the next resting account is due; `null` when none rests. */
  readonly nextReadyInMs: number | null;
  /** Keys given out by this process and not given back yet. */
  readonly inFlight: number;
  /** Requests that wait for a key in this process. */
  readonly waiting: number;
  /** How the store stands with the other processes, where it has others and tells. */
  readonly store?: StoreSharing | undefined;
}

/** What a snapshot is taken of. */
export interface SnapshotSources {
  readonly pool: KeyPool;
  readonly tracker: RateLimitTracker;
  readonly store: Store;
  readonly clock: Clock;
  readonly learnt: LearntLimits;
}

/** What is known of the pool as a whole. */
export type PoolFacts = Pick<PoolSnapshot, "models" | "inferredAccounts" | "inFlight" | "waiting">;

export async function takeSnapshot(sources: SnapshotSources, facts: PoolFacts): Promise<PoolSnapshot> {
  const { pool } = sources;
  const keys: KeySnapshot[] = [];
  const inOrder = [...pool.keys.values()].sort((one, other) => one.ordinal - other.ordinal);
  for (const key of inOrder) keys.push(await snapshotOf(key, sources));
  const store = sources.store.sharing?.();
  return { keys, ...facts, ...standingOf(pool, keys), ...(store && { store }) };
}

/** How the accounts stand by how their keys do; the best one of an account speaks for it. */
function standingOf(
  pool: KeyPool,
  keys: readonly KeySnapshot[],
): Pick<PoolSnapshot, "accounts" | "ready" | "limited" | "refused" | "disabled" | "nextReadyInMs"> {
  const counts = { ready: 0, limited: 0, refused: 0, disabled: 0 };
  const byAccount = new Map<string, KeySnapshot[]>();
  for (const key of keys) byAccount.set(key.account, [...(byAccount.get(key.account) ?? []), key]);
  const dueIn: number[] = [];
  for (const own of byAccount.values()) {
    const is = (...states: KeySnapshot["state"][]): boolean => own.some(({ state }) => states.includes(state));
    if (is("ready")) counts.ready++;
    else if (is("cooling", "limited")) counts.limited++;
    else if (is("refused")) counts.refused++;
    else counts.disabled++;
    if (!is("ready")) dueIn.push(...own.map(dueInMs).filter((ms) => ms !== null));
  }
  const nextReadyInMs = dueIn.length === 0 ? null : Math.min(...dueIn);
  return { accounts: pool.accountCount, ...counts, nextReadyInMs };
}

/** When all that stands against a key is over; `null` while it is switched off or waits for a release. */
function dueInMs({ enabled, cooldowns, limits }: KeySnapshot): number | null {
  if (!enabled) return null;
  const rests = cooldowns.filter(({ scope }) => !scope.startsWith("model:")).map(({ endsInMs }) => endsInMs);
  const full = limits.filter(({ left, models, model }) => left <= 0 && models === null && model === null);
  const resets = full.map(({ resetInMs }) => resetInMs ?? Number.POSITIVE_INFINITY);
  const due = Math.max(...rests, ...resets);
  return Number.isFinite(due) ? due : null;
}

async function snapshotOf(
  key: PooledKey,
  { tracker, store, clock, learnt }: Omit<SnapshotSources, "pool">,
): Promise<KeySnapshot> {
  const toWall = (at: number): number | null => (at === 0 ? null : Math.round(clock.wall() - clock.monotonic() + at));
  const { scopes } = tracker.candidateFor(key, undefined);
  const counted = tracker.bucketsOf(key);
  const ofModels = [...(key.account.restedModels ?? [])].map((model) => modelScope(key.account.name, model));
  const reading = await store.read(
    [...scopes, ...ofModels],
    counted.map(({ bucket }) => bucket),
  );
  const cooldowns = reading.scopes.filter((state) => state.until > reading.now).map(toCooldown);
  const limits = reading.buckets.map((state, place) => toLimit(state, counted[place] as LimitedBucket, tracker));
  const secret = key.secret.peek();
  const { config } = key;
  return {
    id: key.id,
    ordinal: key.ordinal,
    masked: secret === undefined ? null : maskSecret(secret),
    account: key.account.name,
    enabled: key.enabled,
    disabledReason: key.enabled ? null : (key.offReason ?? null),
    state: stateOf(key, cooldowns, limits),
    cooldowns,
    limits,
    learnt: learnt.of(key.account),
    weight: config.weight,
    priority: config.priority,
    models: config.models ?? null,
    note: config.note ?? null,
    batch: config.batch ?? null,
    used: key.used,
    failures: key.failures,
    lastUsedAt: toWall(key.lastUsedAt),
    lastFailureAt: toWall(key.lastFailureAt),
  };
}

function toCooldown({ scope, reason, source, until, now, strikes }: ScopeState): CooldownSnapshot {
  return { scope, reason, source, endsInMs: until - now, strikes };
}

function toLimit(state: BucketState, counted: LimitedBucket, tracker: RateLimitTracker): LimitSnapshot {
  const { used, left, resetInMs, limit = counted.bucket.limit } = state;
  const { template, bucket, model = null } = counted;
  const { id, dimension, models = null } = template;
  const windowMs = template.window.kind === "concurrency" ? null : lengthOf(template);
  const declared = tracker.declaredLimit(bucket);
  return { id, dimension, windowMs, models, model, limit, declared, used, left, resetInMs };
}

function stateOf(
  key: PooledKey,
  cooldowns: readonly CooldownSnapshot[],
  limits: readonly LimitSnapshot[],
): KeySnapshot["state"] {
  if (!key.enabled) return "disabled";
  if (cooldowns.some(({ reason }) => reason === "invalid_key")) return "refused";
  // A model at rest leaves the others.
  if (cooldowns.some(({ scope }) => !scope.startsWith("model:"))) return "cooling";
  // A limit of some models leaves the others.
  const isFull = limits.some(({ left, models, model }) => left <= 0 && models === null && model === null);
  return isFull ? "limited" : "ready";
}
