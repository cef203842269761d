import { type LimitTemplate, periodMs } from "../limits/limits.ts";
import type { LimitedBucket, PoolLimits } from "../limits/pool-limits.ts";
import type { BucketState, Store } from "../limits/store.ts";
import type { KeyPool } from "../pool/keys/key-pool.ts";
import { type PoolOwner, portOf } from "../pool/pool-port.ts";
import type { Dimension } from "../types.ts";

/** What is left of a limit for one account or key. */
export interface AccountForecast {
  /** Name of its provider. */
  readonly provider: string;
  readonly account: string;
  /** The key, where the limit counts each key apart; else `null`. */
  readonly keyId: string | null;
  readonly limit: number;
  readonly left: number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  readonly resetInMs: number | null;
}

/** What is left of a limit over all accounts it is declared for. */
export interface LimitForecast {
  /** The limit's id. */
  readonly id: string;
  readonly dimension: Dimension;
  /** Models it counts; `null`: all. */
  readonly models: readonly string[] | null;
  /** Of a limit that counts each model apart, the model. */
  readonly model: string | null;
  /** What all accounts hold together. */
  readonly limit: number;
  readonly left: number;
  /** Milliseconds until the first of them has something free again; `null` when nothing is counted. */
  readonly nextResetInMs: number | null;
  /** What is used a minute: over the window so far, and for a rolling one over all of it. `null` for concurrency. */
  readonly perMinute: number | null;
  /** Milliseconds until nothing is left at that rate; `null` when something is free again before. */
  readonly dryInMs: number | null;
  readonly accounts: readonly AccountForecast[];
}

export interface Forecast {
  readonly limits: readonly LimitForecast[];
  /** Milliseconds until the first limit that counts all models has nothing left at the present rate; `null` when none will. */
  readonly dryInMs: number | null;
}

interface Counted extends LimitedBucket {
  readonly provider: string;
  readonly account: string;
  readonly keyId: string;
}

/** So many buckets are asked for at once. */
const bucketsPerRead = 1000;
/** A rate is not taken from less time than this; milliseconds. */
const shortestMeasure = 60_000;

/**
 * What is left of every declared limit of a pool, over all accounts and for each, and when it is used up at the present rate.
 * @throws InvalidOptionsError for what has no pool; what the key source throws when it is read for the first time.
 */
export async function forecast(owner: PoolOwner): Promise<Forecast> {
  const port = portOf(owner);
  await port.ready();
  const counted = bucketsOf(port.registry.pool, port.tracker);
  const states = await readAll(port.options.store, counted);
  const groups = new Map<string, { counted: Counted; state: BucketState }[]>();
  for (const [place, each] of counted.entries()) {
    const name = `${each.template.id}|${each.model ?? ""}`;
    const group = groups.get(name) ?? [];
    group.push({ counted: each, state: states[place] as BucketState });
    groups.set(name, group);
  }
  const limits = [...groups.values()].map(forecastLimit);
  const dry = limits.filter(({ models, model }) => models === null && model === null).map(({ dryInMs }) => dryInMs);
  return { limits, dryInMs: soonest(dry) };
}

function bucketsOf(pool: KeyPool, tracker: PoolLimits): Counted[] {
  const seen = new Set<string>();
  const counted: Counted[] = [];
  for (const key of pool.keys.values()) {
    if (!key.enabled) continue;
    for (const limited of tracker.bucketsOf(key)) {
      if (seen.has(limited.bucket.id)) continue;
      seen.add(limited.bucket.id);
      const { name, provider } = key.account;
      counted.push({ ...limited, provider: provider.provider.name, account: name, keyId: key.id });
    }
  }
  return counted;
}

async function readAll(store: Store, counted: readonly Counted[]): Promise<BucketState[]> {
  const states: BucketState[] = [];
  for (let start = 0; start < counted.length; start += bucketsPerRead) {
    const asked = counted.slice(start, start + bucketsPerRead).map(({ bucket }) => bucket);
    states.push(...(await store.read([], asked)).buckets);
  }
  return states;
}

function forecastLimit(group: readonly { counted: Counted; state: BucketState }[]): LimitForecast {
  const { template, model = null } = (group[0] as { counted: Counted }).counted;
  const { id, dimension, models = null, scope } = template;
  const accounts = group.map(({ counted, state }) => ({
    provider: counted.provider,
    account: counted.account,
    keyId: scope === "key" ? counted.keyId : null,
    limit: counted.bucket.limit,
    left: state.left,
    resetInMs: state.resetInMs,
  }));
  const limit = sumOf(accounts.map((each) => each.limit));
  const left = sumOf(accounts.map((each) => each.left));
  const nextResetInMs = soonest(accounts.map((each) => each.resetInMs));
  const perMs = sumOf(group.map(({ state }) => usePerMs(template, state)));
  const dryInMs = perMs > 0 ? left / perMs : null;
  const isDryFirst = dryInMs !== null && (left === 0 || nextResetInMs === null || dryInMs < nextResetInMs);
  const perMinute = dimension === "concurrency" ? null : perMs * shortestMeasure;
  const runsDry = dimension !== "concurrency" && isDryFirst;
  return {
    id,
    dimension,
    models,
    model,
    limit,
    left,
    nextResetInMs,
    perMinute,
    dryInMs: runsDry ? Math.ceil(dryInMs) : null,
    accounts,
  };
}

function usePerMs({ window }: LimitTemplate, { used, resetInMs }: BucketState): number {
  if (window.kind === "concurrency" || used === 0) return 0;
  if (window.kind === "rolling") return used / window.windowMs;
  const lengthMs = window.kind === "calendar" ? periodMs[window.unit] : window.windowMs;
  const elapsedMs = lengthMs - (resetInMs ?? lengthMs);
  return used / Math.min(lengthMs, Math.max(elapsedMs, shortestMeasure));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function soonest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}
