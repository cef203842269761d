import type { Provider } from "../judgement/provider.ts";
import type { Store } from "../limits/store.ts";
import type { Observer } from "../ports.ts";
import type { Clock, Limit, Logger, Random, TokenEstimate } from "../types.ts";
import type { PoolTerms } from "./keys/accounts.ts";
import type { KeySource } from "./keys/key-config.ts";
import type { KeyStore } from "./keys/key-store.ts";
import type { OnlyThese } from "./ready/ready-set-parts.ts";
import type { OrderingStrategy, Strategy } from "./strategies/strategy.ts";

/** Beside a rotator's options: where the fetch it is made for sends keys. */
export const sentTo = Symbol("sentTo");

export interface Address {
  /** The pool's base URL. */
  readonly url?: URL | undefined;
  /** Origin that takes the place of the provider's. */
  readonly base?: string | undefined;
  /** Further origins. */
  readonly own: readonly string[];
}

/** The origins that a provider's keys are for, by its name; none where it is not known for any. */
export type HomeOf = (name: string) => readonly string[];

export interface Addressed {
  readonly [sentTo]?: Address | undefined;
}

export interface RotatorOptions {
  /**
   * A string of secrets, a list of secrets or key objects, or a function that returns one of these; the function is read at
   * first use and again on `reload()`. In a string, commas or line breaks separate; a JSON array of strings will do too, and
   * quotes around the whole or around a secret are dropped. The same secret twice must come with the same settings. With a
   * `keyStore` the list may be empty: operators bring the keys.
   */
  readonly keys: KeySource | undefined;
  /** Whose keys these are. @default what holds for every API */
  readonly provider?: Provider | undefined;
  /**
   * `"any"`: keys may be of providers that speak different protocols, because each request fits all that `models` and `provider` send it
   * to. @default the keys of a pool must speak the same, as far as presets tell
   */
  readonly protocol?: "any" | undefined;
  /** How the next key is chosen among those that are ready. @default one after the other */
  readonly strategy?: Strategy | undefined;
  /**
   * Limits the provider publishes for a tier, by the preset's own name for it. One of `limits` with the same id replaces one.
   * Published limits change: look them up before you rely on them.
   * @default none is assumed
   */
  readonly tier?: string | undefined;
  /** Limits that hold for every key; a key's own limit of the same id replaces one. @default none */
  readonly limits?: readonly Limit[] | undefined;
  /** Where counters and cooldowns live. @default a new MemoryStore */
  readonly store?: Store | undefined;
  /**
   * Where operators' changes to keys are kept: imports, removals, switches, weights, notes. They are laid over what `keys` lists.
   * @default they hold until this rotator ends
   */
  readonly keyStore?: KeyStore | undefined;
  /**
   * May a request be sent to another account only to hear whether that one refuses it, too, where a refusal's words do not tell whose
   * matter it is? `"safe"`: what may run twice (idempotent methods, `retryUnsafe`, and presets whose own clients repeat a `POST`).
   * `"always"`: whatever can be sent again. `"never"`: then only different requests are compared. In no case after 402 or 409, or
   * where a request belongs to a conversation or an account.
   * @default "safe"
   */
  readonly secondOpinion?: SecondOpinion | undefined;
  /** Longest wait inside for a key to become free, milliseconds; 0 never waits. @default 10000 */
  readonly maxWaitMs?: number | undefined;
  /** How many requests may wait at once; one more is answered as exhausted. @default 10000 */
  readonly maxWaiting?: number | undefined;
  /**
   * With `affinity`: how long to wait for the conversation's own account when it cools down or is at a limit, before another one
   * serves; milliseconds. @default 0
   */
  readonly stickyWaitMs?: number | undefined;
  /** First cooldown of a key that was refused without a time, milliseconds; it doubles with every refusal in a row. @default 1000 */
  readonly cooldownMs?: number | undefined;
  /** Longest such cooldown, milliseconds. A time the provider states is never cut. @default 600000 */
  readonly maxCooldownMs?: number | undefined;
  /**
   * By how much the provider's counting may lag behind ours, milliseconds. For concurrency: how long the permit of a request that
   * was given up stays taken, until its provider can know.
   * @default 2 % of a window, at least 25, at most 1000; 1000 for concurrency
   */
  readonly guardMs?: number | undefined;
  /** A reservation nobody settles gives its permit back after so many milliseconds. @default 600000 */
  readonly leaseMs?: number | undefined;
  /**
   * Names the address requests leave from, where processes share a store: those with the same name share what cools down or limits an
   * address (`scope: "ip"`).
   * @default each process has an address of its own
   */
  readonly egress?: string | undefined;
  /**
   * Probes every key at intervals, in the background: a key that fails where others work is left alone until it recovers.
   * @default none
   */
  readonly healthCheck?: HealthCheck | undefined;
  /**
   * Whoever learns from attempts, advises refused calls, or is told of calls that are over, see `docs/extending.md`.
   * @default none
   */
  readonly observers?: readonly Observer[] | undefined;
  /** Makes key ids unguessable for somebody who has a list of candidate keys. @default a fixed library key */
  readonly idSecret?: string | undefined;
  /** Told what happens; never a secret. @default silent */
  readonly logger?: Logger | undefined;
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
  /** @default Math.random */
  readonly random?: Random | undefined;
}

/** Which requests may be sent to another account for its opinion of them. */
export type SecondOpinion = "safe" | "always" | "never";

export interface HealthCheck {
  /** Milliseconds between rounds, at least 1000; jittered by a tenth. */
  readonly intervalMs: number;
  /** Path below the base URL that is asked for. @default the provider's own probe */
  readonly path?: string | undefined;
}

/** Beside a rotator's options: finds the provider that a key names, where names stand for providers. */
export const namedProvider = Symbol("namedProvider");

export interface NamingProviders {
  readonly [namedProvider]?: ((field: string, value: unknown) => Provider) | undefined;
}

export interface ResolvedRotatorOptions extends PoolTerms {
  readonly healthCheck: HealthCheck | undefined;
  readonly keys: KeySource | undefined;
  readonly provider: Provider;
  readonly strategy: OrderingStrategy;
  readonly store: Store;
  readonly keyStore: KeyStore | undefined;
  /** Where the fetch it is made for sends keys. */
  readonly sentTo: Address | undefined;
  readonly homeOf: HomeOf;
  readonly secondOpinion: SecondOpinion;
  readonly maxWaitMs: number;
  readonly maxWaiting: number;
  readonly stickyWaitMs: number;
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  readonly guardMs: number | undefined;
  readonly leaseMs: number;
  /** Names the address its requests leave from. */
  readonly egress: string;
  readonly observers: readonly Observer[];
  readonly idSecret: string | undefined;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a request asks of the rotator. */
export interface AcquireRequest {
  /** The model, where keys or cooldowns tell models apart. */
  readonly model?: string | undefined;
  /** Ends a wait with the signal's own reason. */
  readonly signal?: AbortSignal | null | undefined;
  /** Longest wait for this request, milliseconds. @default the rotator's `maxWaitMs` */
  readonly maxWaitMs?: number | undefined;
  /** Not waited beyond this, epoch milliseconds. */
  readonly deadline?: number | undefined;
  /** Monotonic time at which the request is over, and the option that set it. @internal */
  readonly endsAt?: number | undefined;
  readonly endedBy?: string | undefined;
  /**
   * Tokens the request is expected to use; a function is asked only where a limit counts tokens. What `lease.settle({ usage })`
   * tells takes its place.
   * @default none going in, 2000 coming out
   */
  readonly tokens?: TokenEstimate | (() => TokenEstimate) | undefined;
  /** Among those that wait, lower numbers are served first. @default 0 */
  readonly priority?: number | undefined;
  /** Requests with the same text are kept on one account while it can serve: a session, a user, a prompt's beginning. @default none */
  readonly affinity?: string | undefined;
  /** The account to be given, and no other: the one that holds what the request is about. Ignored when there is none of that name. */
  readonly account?: string | undefined;
  /** Whose keys alone may serve it: an account's, a provider's, or both. There is nothing for it where no key is of these. */
  readonly only?: OnlyThese | undefined;
  /** Nobody is told when there is nothing for it: something else will be tried. @internal */
  readonly isTrial?: boolean | undefined;
  /** Accounts not to be given again. */
  readonly exclude?: ReadonlySet<string> | undefined;
  /** Endpoints whose keys are not to be given. @internal */
  readonly avoid?: ReadonlySet<string> | undefined;
  /** The key to be given if it is ready. */
  readonly prefer?: string | undefined;
  /** Ties events of one request together. @default made up when somebody listens */
  readonly requestId?: string | undefined;
  readonly attempt?: number | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export const knownRotatorOptions: { readonly [name in keyof Required<RotatorOptions>]: true } = {
  keys: true,
  provider: true,
  protocol: true,
  strategy: true,
  tier: true,
  limits: true,
  store: true,
  keyStore: true,
  secondOpinion: true,
  maxWaitMs: true,
  maxWaiting: true,
  stickyWaitMs: true,
  cooldownMs: true,
  maxCooldownMs: true,
  guardMs: true,
  leaseMs: true,
  egress: true,
  healthCheck: true,
  observers: true,
  idSecret: true,
  logger: true,
  clock: true,
  random: true,
};
