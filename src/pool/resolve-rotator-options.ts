import {
  expectFunction,
  expectKnown,
  expectMethods,
  expectNumber,
  expectOneOf,
  expectString,
  unexpected,
  unexpectedSecret,
} from "../checks.ts";
import { systemClock } from "../clock.ts";
import type { Provider } from "../judgement/provider.ts";
import { readingOf } from "../judgement/provider-reading.ts";
import { resolveProvider } from "../judgement/resolve-provider.ts";
import { type LimitTemplate, limitsOfKey, resolveLimits } from "../limits/limits.ts";
import { isShared, type Store } from "../limits/store.ts";
import type { Clock, Limit, Logger, Random } from "../types.ts";
import type { PoolTerms } from "./keys/accounts.ts";
import { kindOf } from "./keys/secret-text.ts";
import { expectObservers } from "./observing/observers.ts";
import {
  type Addressed,
  type HealthCheck,
  type HomeOf,
  knownRotatorOptions,
  type NamingProviders,
  namedProvider,
  type ResolvedRotatorOptions,
  type RotatorOptions,
  sentTo,
} from "./rotator-options.ts";
import { resolveStrategy } from "./strategies/resolve-strategy.ts";

/** What a rotator is made with where nothing is said of it. */
export interface RotatorDefaults {
  makeStore(parts: { readonly clock: Clock; readonly random: Random }): Store;
  /** Told when a strategy of the user's own throws. */
  strategyFailed(error: unknown): void;
  readonly homeOf: HomeOf;
}

/** Options of what makes calls, which are often given to what only picks keys. */
const isOfCalls = "that is for whoever makes calls: give it to `createRotatingFetch()`";
const ofCalls = {
  baseURL: isOfCalls,
  origins: isOfCalls,
  fetch: isOfCalls,
  retries: isOfCalls,
  maxAttempts: isOfCalls,
  onExhausted: isOfCalls,
  policy: isOfCalls,
  classify: isOfCalls,
  cache: isOfCalls,
  affinity: isOfCalls,
};

/**
 * Checks the options and fills in the defaults, once.
 * @throws InvalidOptionsError naming the option.
 */
export function resolveRotatorOptions(
  options: RotatorOptions,
  { makeStore, strategyFailed, homeOf }: RotatorDefaults,
): ResolvedRotatorOptions {
  expectKnown("options", options, knownRotatorOptions, ofCalls);
  const clock = options.clock === undefined ? systemClock : expectClock(options.clock);
  const random = options.random === undefined ? Math.random : expectFunction<Random>("random", options.random);
  const { keys, egress } = options;
  if (keys === undefined || keys === null) {
    throw unexpectedSecret("keys", "a string, a list of keys or a function that returns one", kindOf(keys));
  }
  const provider = resolveProvider(options.provider);
  const store = options.store === undefined ? makeStore({ clock, random }) : expectStore(options.store);
  const cooldownMs =
    options.cooldownMs === undefined ? 1000 : expectNumber("cooldownMs", options.cooldownMs, { min: 0, finite: true });
  return {
    keys,
    provider,
    strategy: resolveStrategy(options.strategy, strategyFailed),
    ...resolveTerms(provider, options),
    store,
    keyStore: options.keyStore,
    sentTo: (options as Addressed)[sentTo],
    homeOf,
    secondOpinion:
      options.secondOpinion === undefined
        ? "safe"
        : expectOneOf("secondOpinion", options.secondOpinion, ["safe", "always", "never"]),
    maxWaitMs: optionalNumber("maxWaitMs", options.maxWaitMs, 10_000),
    maxWaiting: optionalNumber("maxWaiting", options.maxWaiting, 10_000),
    stickyWaitMs: optionalNumber("stickyWaitMs", options.stickyWaitMs, 0),
    cooldownMs,
    maxCooldownMs: Math.max(cooldownMs, optionalNumber("maxCooldownMs", options.maxCooldownMs, 600_000)),
    guardMs: options.guardMs === undefined ? undefined : expectNumber("guardMs", options.guardMs, { min: 0 }),
    leaseMs: options.leaseMs === undefined ? 600_000 : expectNumber("leaseMs", options.leaseMs, { above: 0 }),
    egress: egress === undefined ? ownEgress(store, random) : expectString("egress", egress),
    healthCheck: options.healthCheck === undefined ? undefined : resolveHealthCheck(options.healthCheck),
    observers: options.observers === undefined ? [] : expectObservers(options.observers),
    idSecret: options.idSecret === undefined ? undefined : expectString("idSecret", options.idSecret),
    logger: options.logger === undefined ? undefined : expectLogger(options.logger),
    clock,
    random,
  };
}

function expectStore(value: unknown): Store {
  const store = expectMethods<Store>("store", ["reserve", "settle", "cooldown", "read"], value);
  // What any handle of several has, all of them need.
  if (isShared(store)) expectMethods("store", ["renew", "watch", "sharing", "onSharing"], store);
  for (const name of ["watch", "close"] as const) {
    if (store[name] !== undefined) expectFunction(`store.${name}`, store[name]);
  }
  return store;
}

/** Processes that share a store may have addresses of their own. */
function ownEgress(store: Store, random: Random): string {
  if (!isShared(store)) return "local";
  return Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32).toString(36)).join("");
}

/** Whose a key is, and what limits hold for it: a provider's own of the tier, and those of all keys. */
function resolveTerms(provider: Provider, options: RotatorOptions & NamingProviders & Addressed): PoolTerms {
  const own = readingOf(provider);
  const ofEveryKey = options.limits === undefined ? undefined : resolveLimits("limits", options.limits);
  const known = new Map([[own, limitsOfKey(tierLimits(provider, options.tier), ofEveryKey)]]);
  const find = options[namedProvider] ?? ((field: string, value: unknown) => resolveProvider(value, field));
  const isAnyProtocol = options.protocol !== undefined && expectOneOf("protocol", options.protocol, ["any"]) === "any";
  return {
    ownProvider: own,
    home: options[sentTo]?.url ?? (provider.baseURL === undefined ? undefined : new URL(provider.baseURL)),
    isAnyProtocol,
    readProvider: (field, value) => {
      const found = find(field, value);
      return found === provider ? undefined : found;
    },
    limitsOf: (reading) => {
      let limits = known.get(reading);
      if (limits === undefined) {
        // A tier is a word of one provider: another one may not know it.
        const { tier } = options;
        const hasTier = tier !== undefined && Object.hasOwn(reading.provider.tiers ?? {}, tier);
        limits = limitsOfKey(hasTier ? tierLimits(reading.provider, tier) : [], ofEveryKey);
        known.set(reading, limits);
      }
      return limits;
    },
  };
}

function tierLimits({ name, tiers = {} }: Provider, tier: string | undefined): readonly LimitTemplate[] {
  if (tier === undefined) return [];
  const known = Object.keys(tiers);
  if (known.length === 0) {
    throw unexpected(
      "tier",
      `absent: no limits are published that fit provider "${name}" as a whole, so give \`limits\``,
      tier,
    );
  }
  return resolveLimits("tier", tiers[expectOneOf("tier", tier, known)] as readonly Limit[]);
}

function optionalNumber(field: string, value: number | undefined, byDefault: number): number {
  return value === undefined ? byDefault : expectNumber(field, value, { min: 0 });
}

function resolveHealthCheck(value: HealthCheck): HealthCheck {
  expectKnown("healthCheck", value, { intervalMs: true, path: true });
  const intervalMs = expectNumber("healthCheck.intervalMs", value.intervalMs, { min: 1000 });
  return { intervalMs, path: value.path === undefined ? undefined : expectString("healthCheck.path", value.path) };
}

function expectClock(value: unknown): Clock {
  return expectMethods("clock", ["wall", "monotonic", "timer"], value);
}

function expectLogger(value: unknown): Logger {
  return expectMethods("logger", ["debug", "info", "warn", "error"], value);
}
