import { lengthOf } from "../limits/limits.ts";
import { modelsAsGiven } from "../limits/model-names.ts";
import type { LimitedBucket, PoolLimits } from "../limits/pool-limits.ts";
import { modelScope, shownId } from "../limits/scopes.ts";
import type { StoreSharing } from "../limits/sharing.ts";
import { type BucketState, isShared, type ScopeState } from "../limits/store.ts";
import { maskSecret } from "../mask.ts";
import type { KeyPool } from "../pool/keys/key-pool.ts";
import type { PooledKey } from "../pool/keys/pooled-key.ts";
import { type PoolOwner, type PoolPort, portOf } from "../pool/pool-port.ts";
import type { ModelStanding } from "../pool/readiness.ts";
import type { Clock, CooldownSource, Dimension, InferredAccount, LearntLimit, ScopeId } from "../types.ts";

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
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  readonly resetInMs: number | null;
}

/** What is known of a key without asking the store. */
export interface KeyFacts {
  readonly id: string;
  /** Its number, from 1 in the order in which keys came; it keeps it, and no other key gets it. */
  readonly ordinal: number;
  /** The key's two ends; `null` for a secret not fetched yet. */
  readonly masked: string | null;
  /** Name of its provider. The same account at two providers is two. */
  readonly provider: string;
  readonly account: string;
  readonly enabled: boolean;
  /**
   * Why it is off: what `disable()` was told, `credential refused`, or `secret unknown` (an operator gave it in an earlier process,
   * and nobody kept its secret). `null`: it is on, or its own settings have it off.
   */
  readonly disabledReason: string | null;
  readonly weight: number;
  readonly priority: number;
  /** Models it may serve, or its provider's name for each; `null`: all. */
  readonly models: readonly string[] | Readonly<Record<string, string>> | null;
  readonly note: string | null;
  readonly batch: string | null;
  /** Requests given to this key by this process. */
  readonly used: number;
  readonly failures: number;
  /** Epoch milliseconds. */
  readonly lastUsedAt: number | null;
  readonly lastFailureAt: number | null;
}

export interface KeySnapshot extends KeyFacts {
  /** `ready`, `cooling`, `limited` (a declared limit is used up), `refused` (credential) or `disabled`. */
  readonly state: "ready" | "cooling" | "limited" | "refused" | "disabled";
  readonly cooldowns: readonly CooldownSnapshot[];
  readonly limits: readonly LimitSnapshot[];
  /** What answers said of its account's limits, as far as it still holds. */
  readonly learnt: readonly LearntLimit[];
  /** What observers know of its account. @default none describes it */
  readonly observed?: object | undefined;
}

export interface PoolSnapshot {
  readonly keys: readonly KeySnapshot[];
  /** Accounts given apart that the provider's own words, or how they are used, show to be one. */
  readonly inferredAccounts: readonly InferredAccount[];
  readonly accounts: number;
  /**
   * Models that stand apart because they cooled on their own, have keys or limits of their own; how the accounts stand for each.
   */
  readonly models: readonly ModelStanding[];
  /** Accounts by how they stand for all other requests: by the best of their keys. */
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  readonly disabled: number;
  /** Milliseconds until the next account that cools down is due; `null` when none does. */
  readonly nextReadyInMs: number | null;
  /** Keys given out by this process and not given back yet. */
  readonly inFlight: number;
  /** Requests that wait for a key in this process. */
  readonly waiting: number;
  /** How the store stands with the other processes, where it has others and tells. */
  readonly store?: StoreSharing | undefined;
}

/** The store is asked for so many keys at once. */
const keysPerRead = 500;

/**
 * What is known of every key of a pool now: masked, never the secret.
 * @throws InvalidOptionsError for what has no pool; what the key source throws when it is read for the first time.
 */
export async function snapshot(owner: PoolOwner): Promise<PoolSnapshot> {
  const port = portOf(owner);
  await port.ready();
  const keys = await snapshotsOf(port, inOrder(port.registry.pool.keys.values()));
  const { readiness } = port;
  const { inFlight, queue } = readiness;
  const waiting = queue.size;
  const models = readiness.availabilityOfModels();
  const { store: itsStore } = port.options;
  const store = isShared(itsStore) ? itsStore.sharing() : undefined;
  return {
    keys,
    models,
    inferredAccounts: port.features.accounts.believed,
    inFlight,
    waiting,
    ...standingOf(port.registry.pool, keys),
    ...(store && { store }),
  };
}

/**
 * The same of some keys only; those that there are not are left out.
 * @throws what `snapshot` throws
 */
export async function snapshotKeys(owner: PoolOwner, ids: Iterable<string>): Promise<readonly KeySnapshot[]> {
  const port = portOf(owner);
  await port.ready();
  const { keys } = port.registry.pool;
  return snapshotsOf(port, inOrder([...new Set(ids)].flatMap((id) => keys.get(id) ?? [])));
}

/**
 * All keys by their number, with what is known of them without asking the store.
 * @throws what `snapshot` throws
 */
export async function listKeys(owner: PoolOwner): Promise<readonly KeyFacts[]> {
  const port = portOf(owner);
  await port.ready();
  return inOrder(port.registry.pool.keys.values()).map((key) => factsOf(key, port.options.clock));
}

function inOrder(keys: Iterable<PooledKey>): readonly PooledKey[] {
  return [...keys].sort((one, other) => one.ordinal - other.ordinal);
}

/** How the accounts stand by how their keys do; the best one of an account speaks for it. */
function standingOf(
  pool: KeyPool,
  keys: readonly KeySnapshot[],
): Pick<PoolSnapshot, "accounts" | "ready" | "limited" | "refused" | "disabled" | "nextReadyInMs"> {
  const counts = { ready: 0, limited: 0, refused: 0, disabled: 0 };
  const byAccount = new Map<string, KeySnapshot[]>();
  for (const key of keys) {
    const account = JSON.stringify([key.provider, key.account]);
    byAccount.set(account, [...(byAccount.get(account) ?? []), key]);
  }
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

async function snapshotsOf(port: PoolPort, keys: readonly PooledKey[]): Promise<readonly KeySnapshot[]> {
  const snapshots: KeySnapshot[] = [];
  for (let start = 0; start < keys.length; start += keysPerRead) {
    snapshots.push(...(await readTogether(port, keys.slice(start, start + keysPerRead))));
  }
  return snapshots;
}

/** One question to the store for all of them: what keys share is asked for once. */
async function readTogether(port: PoolPort, keys: readonly PooledKey[]): Promise<readonly KeySnapshot[]> {
  const { tracker, options, features, observers } = port;
  const asked = keys.map((key) => ({ key, scopes: scopesOf(key, tracker), limits: tracker.bucketsOf(key) }));
  const buckets = new Map(asked.flatMap(({ limits }) => limits.map(({ bucket }) => [bucket.id, bucket] as const)));
  const scopes = new Set(asked.flatMap((each) => each.scopes));
  const reading = await options.store.read([...scopes], [...buckets.values()]);
  const cooling = new Map(reading.scopes.filter(isCooling).map((state) => [state.scope, toCooldown(state)]));
  const states = new Map(reading.buckets.map((state) => [state.id, state]));
  return asked.map(({ key, scopes, limits }) => {
    const cooldowns = scopes.flatMap((scope) => cooling.get(scope) ?? []);
    const counted = limits.map((limit) => toLimit(states.get(limit.bucket.id) as BucketState, limit));
    return {
      ...factsOf(key, options.clock),
      state: stateOf(key, cooldowns, counted),
      cooldowns,
      limits: counted,
      learnt: features.limits.of(key.account.id),
      observed: observers.describe(key.shown),
    };
  });
}

/** Every scope whose cooldown stops the key for some request. */
function scopesOf(key: PooledKey, tracker: PoolLimits): readonly ScopeId[] {
  const { account } = key;
  const ofModels = [...(account.coolingModels ?? [])].map((model) => modelScope(account.id, model));
  return [...tracker.scopesOf(key), ...ofModels];
}

function factsOf(key: PooledKey, clock: Clock): KeyFacts {
  const toWall = (at: number): number | null => (at === 0 ? null : Math.round(clock.wall() - clock.monotonic() + at));
  const secret = key.secret.peek();
  const { config } = key;
  return {
    id: key.id,
    ordinal: key.ordinal,
    masked: secret === undefined ? null : maskSecret(secret),
    provider: key.account.provider.provider.name,
    account: key.account.name,
    enabled: key.enabled,
    disabledReason: key.enabled ? null : (key.troubles.offReason ?? null),
    weight: config.weight,
    priority: config.priority,
    models: config.models === undefined ? null : modelsAsGiven(config.models),
    note: config.note ?? null,
    batch: config.batch ?? null,
    used: key.used,
    failures: key.troubles.failures,
    lastUsedAt: toWall(key.lastUsedAt),
    lastFailureAt: toWall(key.troubles.lastFailureAt),
  };
}

function isCooling({ until, now }: ScopeState): boolean {
  return until > now;
}

function toCooldown({ scope, reason, source, until, now, strikes }: ScopeState): CooldownSnapshot {
  return { scope: shownId(scope), reason, source, endsInMs: until - now, strikes };
}

function toLimit({ used, left, resetInMs }: BucketState, counted: LimitedBucket): LimitSnapshot {
  const { template, bucket, model = null } = counted;
  const { id, dimension, models = null } = template;
  const windowMs = template.window.kind === "concurrency" ? null : lengthOf(template);
  return { id, dimension, windowMs, models, model, limit: bucket.limit, used, left, resetInMs };
}

function stateOf(
  key: PooledKey,
  cooldowns: readonly CooldownSnapshot[],
  limits: readonly LimitSnapshot[],
): KeySnapshot["state"] {
  if (!key.enabled) return "disabled";
  if (cooldowns.some(({ reason }) => reason === "invalid_key")) return "refused";
  // A model in cooldown leaves the others.
  if (cooldowns.some(({ scope }) => !scope.startsWith("model:"))) return "cooling";
  // A limit of some models leaves the others.
  const isFull = limits.some(({ left, models, model }) => left <= 0 && models === null && model === null);
  return isFull ? "limited" : "ready";
}
