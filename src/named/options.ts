import type { CacheOptions } from "../fetch/cache/cache-options.ts";
import type { CacheMaker } from "../fetch/call-cache.ts";
import type { CallingOptions } from "../fetch/calling-options.ts";
import { withLexicon } from "../judgement/classifier.ts";
import type { Provider } from "../judgement/provider.ts";
import { generic } from "../judgement/providers/generic.ts";
import { resolveProvider } from "../judgement/resolve-provider.ts";
import type * as keys from "../pool/keys/key-config.ts";
import type { PoolOwner } from "../pool/pool-port.ts";
import type * as objects from "../pool/rotator-options.ts";
import { type NamingProviders, namedProvider } from "../pool/rotator-options.ts";
import type { Strategy } from "../pool/strategies/strategy.ts";
import type { ProxiedCallOptions, ProxyingOptions } from "../server/proxy/proxy-options.ts";
import { type ProviderName, providerAt, providerNamed } from "./presets.ts";
import { type StrategyName, strategyOf } from "./strategies.ts";

/** An API key with its settings. Key and endpoint are one unit where the provider makes them one. */
export interface KeyConfig extends keys.KeyConfig<ProviderName> {}

/**
 * Secrets in one string, separated by commas or line breaks or as a JSON array; or a list of secrets, of key objects, or of both.
 * The same secret twice is one key, and must have the same settings.
 */
export type KeyList = keys.KeyList<ProviderName>;

/** Where keys come from. A function is read at first use and again on `reload()`. */
export type KeySource = keys.KeySource<ProviderName>;

export interface RotatorOptions extends Omit<objects.RotatorOptions, "keys" | "provider" | "strategy"> {
  /**
   * A string of secrets, a list of secrets or key objects, or a function that returns one of these; the function is read at
   * first use and again on `reload()`. In a string, commas or line breaks separate; a JSON array of strings will do too, and
   * quotes around the whole or around a secret are dropped. The same secret twice must come with the same settings. With a
   * `keyStore` the list may be empty: operators bring the keys.
   */
  readonly keys: KeySource | undefined;
  /**
   * A preset's name or a `Provider` of your own. @default the preset known to live at the `baseURL` of a fetch, else "generic"
   */
  readonly provider?: ProviderName | Provider | undefined;
  /** How the next key is chosen among those that are ready. @default "round_robin" */
  readonly strategy?: StrategyName | Strategy | undefined;
}

/** How calls are made. */
interface CachingCallOptions extends Omit<CallingOptions, "cache"> {
  /** Gives complete answers again to requests that are the same by a key of yours. @default none is kept */
  readonly cache?: CacheOptions | CacheMaker | undefined;
}

/** Options of `createRotatingFetch`: keys and how they are used, and how calls are made. */
export interface RotatingFetchOptions extends RotatorOptions, CachingCallOptions {}

/**
 * The same with a rotator that exists already, to share it between several fetches. What is said of keys, limits and the
 * provider belongs to the rotator.
 */
export interface SharedRotatorOptions extends CachingCallOptions {
  /** A `KeyRotator`. */
  readonly rotator: PoolOwner;
}

/** Options of a proxy: who may use it and where it leads, and those of a pool or a `rotator`. */
export type ProxyOptions = ProxyingOptions &
  ProxiedCallOptions &
  (RotatorOptions | Pick<SharedRotatorOptions, "rotator">);

interface Named {
  readonly provider?: ProviderName | Provider | undefined;
  readonly strategy?: StrategyName | Strategy | undefined;
  readonly baseURL?: string | URL | undefined;
  readonly target?: string | URL | undefined;
}

/** Options with objects where a name stood. What cannot be is left for whoever checks the whole. */
export type WithObjects<Options> = Options extends unknown
  ? Omit<Options, "keys" | "provider" | "strategy"> & {
      readonly keys: objects.RotatorOptions["keys"];
      readonly provider?: Provider | undefined;
      readonly strategy?: Strategy | undefined;
    }
  : never;

/**
 * Finds what options name, and the provider at their address where none is named.
 * @throws InvalidOptionsError for a name that there is not.
 */
export function withObjects<Options extends object>(options: Options): WithObjects<Options> {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return options as never;
  if ("rotator" in options) return options as never;
  const { provider, strategy, baseURL, target } = options as Named;
  const objects = {
    provider: providerOf(provider, baseURL ?? target),
    ...(strategy === undefined ? undefined : { strategy: strategyOf(strategy) }),
  };
  return { ...options, ...objects, ...naming } as unknown as WithObjects<Options>;
}

/** With what reads its answers: only over objects is that something to be passed in. */
function providerOf(given: Named["provider"], address: string | URL | undefined): Provider {
  if (given === undefined) return withLexicon(at(address) ?? generic);
  if (typeof given !== "object" || given === null) return withLexicon(providerNamed(given));
  // What is none is told of by whoever checks the whole.
  return Array.isArray(given) ? given : withLexicon(given);
}

/** Keys name providers as options do. */
const naming: NamingProviders = {
  [namedProvider]: (field, value) =>
    resolveProvider(isObject(value) ? withLexicon(value as Provider) : withLexicon(providerNamed(value, field)), field),
};

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function at(address: string | URL | undefined): Provider | undefined {
  if (address === undefined || !URL.canParse(String(address))) return undefined;
  return providerAt(new URL(address));
}
