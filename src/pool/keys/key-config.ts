import {
  expectFunction,
  expectHeaders,
  expectString,
  expectStringRecord,
  expectUrl,
  unexpected,
} from "../../checks.ts";
import type { Provider } from "../../judgement/provider.ts";
import { keyCredential } from "../../judgement/provider-options.ts";
import { type ProviderReading, readingOf } from "../../judgement/provider-reading.ts";
import { resolveProvider } from "../../judgement/resolve-provider.ts";
import type { Awaitable, DynamicSecret, FetchFunction, Limit } from "../../types.ts";

/** Where a key's credential goes, whatever the client used. */
export interface KeyCredential {
  /** Header name, lower case. */
  readonly header: string;
  /** What stands before the secret: `"Bearer"`, or empty for a bare secret. @default "" */
  readonly scheme?: string | undefined;
}

/**
 * An API key with its settings. Key and endpoint are one unit where the provider makes them one.
 *
 * @typeParam Name names of providers that may stand for them
 */
export interface KeyConfig<Name extends string = never> {
  /** The credential, or a function that returns the current one. */
  readonly secret: string | (() => Awaitable<string | DynamicSecret>);
  /** Stable name; required when `secret` is a function. @default a 16-digit fingerprint of the secret */
  readonly id?: string | undefined;
  /** Share of the traffic under the `weighted` strategy, a number > 0. @default 1 */
  readonly weight?: number | undefined;
  /** Tier: all keys of the lowest number are tried before the next. @default 0 */
  readonly priority?: number | undefined;
  /** Quota group: keys of one provider account, organization or project. @default the key is its own */
  readonly account?: string | undefined;
  /**
   * Models this key may serve, `*` matches any run of characters. An object maps each to the name its provider knows it by, which
   * requests with this key are sent under: exact names go before patterns, of those the longest first, and one `*` is carried over.
   * @default all
   */
  readonly models?: string | readonly string[] | Readonly<Record<string, string>> | undefined;
  /** Limits of this key; each replaces the pool's limit of the same id. */
  readonly limits?: readonly Limit[] | undefined;
  /** Whose key it is: what its requests are sent and its answers read by. Keys of one pool may mix. @default the pool's */
  readonly provider?: Provider | Name | undefined;
  /**
   * Where requests with this key go instead of the call's own origin and base path.
   * @default its provider's own base URL where that is not the pool's provider, else none
   */
  readonly baseURL?: string | undefined;
  /** Where its credential goes, whatever the client used. @default where its provider wants it */
  readonly credential?: KeyCredential | undefined;
  /**
   * Headers added to requests with this key (organization, project, region), in place of the client's; to those that are lists
   * (`anthropic-beta`, `openai-beta`) what the client did not name itself.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Query parameters added to requests with this key. */
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** What sends its requests: another way out of the network. @default the pool's */
  readonly fetch?: FetchFunction | undefined;
  /** Names the address its requests leave from, as the pool's `egress` does. @default the pool's */
  readonly egress?: string | undefined;
  readonly note?: string | undefined;
  /** Name of the import this key came with. */
  readonly batch?: string | undefined;
  /** @default true */
  readonly enabled?: boolean | undefined;
}

/**
 * Secrets in one string, separated by commas or line breaks or as a JSON array; or a list of secrets, of key objects, or of both.
 * The same secret twice is one key, and must have the same settings.
 */
export type KeyList<Name extends string = never> = string | readonly (string | KeyConfig<Name>)[];

/** Where keys come from. A function is read at first use and again on `reload()`. */
export type KeySource<Name extends string = never> = KeyList<Name> | (() => Awaitable<KeyList<Name>>);

/** How and where a key's requests are sent, as far as that is its own. Most keys have nothing of it. */
export interface KeyRoute {
  /** Whose key it is, where that is not the pool's provider. */
  readonly provider: ProviderReading | undefined;
  /** Where its requests go: its own endpoint, or its provider's. */
  readonly baseURL: URL | undefined;
  readonly credential: KeyCredential | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly query: Readonly<Record<string, string>> | undefined;
  readonly fetch: FetchFunction | undefined;
  /** Names the address its requests leave from. */
  readonly egress: string | undefined;
}

/** Finds the provider that a key names; `undefined`: it is the pool's own. */
export type ReadProvider = (field: string, value: unknown) => Provider | undefined;

const anyProvider: ReadProvider = (field, value) => resolveProvider(value, field);

/** Settings that are parts of a route. */
const routeFields = ["provider", "baseURL", "credential", "headers", "query", "fetch", "egress"] as const;

/**
 * Checks what a key says of where and how it is sent; `undefined`: nothing.
 * @throws InvalidOptionsError naming the field.
 */
export function resolveRoute(
  field: string,
  config: KeyConfig<string>,
  readProvider: ReadProvider = anyProvider,
): KeyRoute | undefined {
  if (routeFields.every((name) => config[name] === undefined)) return undefined;
  const { provider, baseURL, credential, headers, query, fetch, egress } = config;
  const other = provider === undefined ? undefined : readProvider(`${field}.provider`, provider);
  const own = baseURL === undefined ? undefined : expectUrl(`${field}.baseURL`, baseURL);
  const route: KeyRoute = {
    provider: other === undefined ? undefined : readingOf(other),
    baseURL: own ?? (other === undefined ? undefined : homeOf(`${field}.baseURL`, other)),
    credential: credential === undefined ? undefined : resolveCredential(`${field}.credential`, credential),
    headers: headers === undefined ? undefined : expectHeaders(`${field}.headers`, headers),
    query: query === undefined ? undefined : expectStringRecord(`${field}.query`, query),
    fetch: fetch === undefined ? undefined : expectFunction<FetchFunction>(`${field}.fetch`, fetch),
    egress: egress === undefined ? undefined : expectString(`${field}.egress`, egress),
  };
  return Object.values(route).every((part) => part === undefined) ? undefined : route;
}

/** Keys of another provider than the pool's go there, wherever the pool's own go. */
function homeOf(field: string, { name, baseURL }: Provider): URL {
  if (baseURL !== undefined) return new URL(baseURL);
  throw unexpected(field, `given for a key of provider "${name}", whose base URL is not known`, undefined);
}

function resolveCredential(field: string, value: unknown): KeyCredential {
  if (typeof value === "string") {
    throw unexpected(field, 'an object such as `{ header: "x-api-key" }`; a key\'s secret is its `secret`', value);
  }
  keyCredential(field, value);
  return value as KeyCredential;
}

/** Where a key's requests go, for comparing and for showing; functions are told apart by whoever compares. */
export function routeAsGiven(route: KeyRoute | undefined): object | undefined {
  if (route === undefined) return undefined;
  const { provider, baseURL, fetch: _, ...plain } = route;
  return Object.assign({}, plain, { provider: provider?.id, baseURL: baseURL?.href });
}
