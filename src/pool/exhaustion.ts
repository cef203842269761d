import { AllKeysExhaustedError } from "../errors.ts";
import { aliasesOf, servesModel } from "../limits/model-names.ts";
import type { Clock } from "../types.ts";
import type { SecretFailure } from "./asking/grants.ts";
import type { KeyPool } from "./keys/key-pool.ts";

/** A model that no key is meant for, whatever state it is in, and those that some are. */
export interface UnservedModel {
  readonly model: string;
  readonly models: readonly string[];
}

/** How a ready set stands, counted in accounts. */
export interface PoolAvailability {
  readonly accounts: number;
  readonly ready: number;
  readonly limited: number;
  readonly refused: number;
  readonly disabled: number;
  readonly unsuitable: number;
  /** Milliseconds until the next one is due; `null` when none is. One that is only probed counts where no limit ends. */
  readonly wakeInMs: number | null;
  /** Is there one that a limit keeps, or nothing? The others were refused, or have nothing left. */
  readonly isLimited: boolean;
  /** The one account that counts, where the request belongs to it. */
  readonly only?: string | undefined;
  /** The request's model, where no key serves it, and those that are. */
  readonly unserved?: UnservedModel | undefined;
  /** Do the ready ones not serve because the store cannot be asked? */
  readonly isStoreAway?: boolean | undefined;
}

/** Whoever was refused because the store cannot be asked may come back so soon, milliseconds. */
const storeRetryMs = 1000;

/** On errors of every copy of the library that speak for a limit. */
const limitMark: unique symbol = Symbol.for("rotating-fetch.for-limits") as never;

/**
 * The error for a request nobody can serve. The pool's state decides its status: something that will recover, 429; only
 * refused credentials, 401; a model that no key serves, 404; all switched off, unfit, without a secret or kept back by a store
 * that cannot be asked, 503.
 */
export function exhaustedError(pool: PoolAvailability, clock: Clock, failure?: SecretFailure): AllKeysExhaustedError {
  const { limited, refused, disabled, unsuitable } = pool;
  const recovers = limited + pool.ready > 0;
  const hasNoSecrets = failure !== undefined && failure.accounts >= limited + pool.ready;
  const store = pool.isStoreAway ? pool.ready : 0;
  const isForStore = store > 0 && limited === 0 && !hasNoSecrets;
  const status =
    pool.unserved !== undefined ? 404 : isForStore ? 503 : recovers && !hasNoSecrets ? 429 : refused > 0 ? 401 : 503;
  const wakeInMs = isForStore ? storeRetryMs : pool.wakeInMs;
  const retryAfterMs = recovers && wakeInMs !== null ? Math.ceil(wakeInMs) : null;
  const error = new AllKeysExhaustedError({
    status,
    retryAfterMs,
    retryAt: retryAfterMs === null ? null : clock.wall() + retryAfterMs,
    reasons: {
      limited: limited + pool.ready - store,
      credential: refused,
      disabled,
      unsuitable,
      ...(store > 0 && { store }),
    },
    account: pool.only,
    unserved: pool.unserved,
    cause: failure?.cause,
  });
  if (pool.isLimited) Object.defineProperty(error, limitMark, { value: true });
  return error;
}

/** Does the error speak for a key that comes back by itself? Then no refusal of a dead or spent one fits it. */
export function isForLimits(error: AllKeysExhaustedError): boolean {
  return (error as { [limitMark]?: unknown })[limitMark] === true;
}

/** Names come from outside: an answer repeats so much of one, characters. */
const longestName = 100;

/** `undefined` where some key is meant for the model: then it is a matter of time, or of an operator's. */
export function unservedModel(
  model: string | undefined,
  { hasModelRules, keys }: Pick<KeyPool, "hasModelRules" | "keys">,
): UnservedModel | undefined {
  if (model === undefined || !hasModelRules) return undefined;
  const models = new Set<string>();
  for (const { config } of keys.values()) {
    if (servesModel(config.models, model)) return undefined;
    for (const alias of aliasesOf(config.models ?? [])) models.add(alias);
  }
  return models.size === 0 ? undefined : { model: model.slice(0, longestName), models: [...models] };
}
