import type { Clock, Random, TokenEstimate } from "../../types.ts";

/**
 * What an order may ask about the quota groups it orders. A slot is the small integer a group goes by; slots are reused
 * after a group is gone.
 */
export interface GroupFacts {
  /** Share of the traffic, > 0. */
  weight(slot: number): number;
  /** Position in the list of keys. */
  position(slot: number): number;
  /** Requests that have begun and not ended. */
  inFlight(slot: number): number;
  /** Smoothed milliseconds to response headers; 0 while unknown, and for strategies that do not ask for it. */
  latencyMs(slot: number): number;
  /** When it was last used, monotonic milliseconds; 0 when never. */
  lastUsedAt(slot: number): number;
  view(slot: number): ReadyKey;
}

export interface OrderContext {
  readonly groups: GroupFacts;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The ready groups of one priority tier, in the order a strategy prefers. Every method is called on the request's path:
 * keep them free of scans over all groups.
 */
export interface ReadyOrder {
  readonly size: number;
  /** A group became ready. */
  add(slot: number): void;
  /** A group stopped being ready. */
  remove(slot: number): void;
  /** The group to use next for a request, or -1. Asking changes nothing. */
  first(request?: OrderedRequest): number;
  /** Up to `max` groups, the preferred one first. */
  list(max: number, request?: OrderedRequest): number[];
  /** A request was given to this group. */
  took(slot: number): void;
  /** The group's number of requests in flight changed. */
  busyChanged?(slot: number): void;
}

/** A ready key as a strategy of the user's own sees it. */
export interface ReadyKey {
  readonly id: string;
  readonly account: string;
  /** The name of the account's provider. */
  readonly provider: string;
  readonly weight: number;
  readonly priority: number;
  readonly note: string | undefined;
  readonly batch: string | undefined;
  /** Requests that have begun and not ended. */
  readonly inFlight: number;
  /** Requests given to this key's account so far. */
  readonly used: number;
}

/** What an order may know of the request it is asked for. */
export interface OrderedRequest {
  readonly model?: string | undefined;
  readonly affinity?: string | undefined;
  readonly priority?: number | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly tokens?: TokenEstimate | (() => TokenEstimate) | undefined;
}

/** A request as a strategy of the user's own sees it. */
export interface StrategyRequest {
  /** The model it names, as the client calls it; `undefined`: none was found. */
  readonly model: string | undefined;
  /** Tokens it is expected to use. Worked out when it is looked at. */
  readonly tokens: TokenEstimate;
  /** The conversation it belongs to. */
  readonly affinity: string | undefined;
  /** Among those that wait, lower numbers are served first. */
  readonly priority: number;
  /** What the caller put beside it. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A built-in kind of strategy: keeps an order of its own, so that picking does not depend on the number of keys. */
export interface OrderingStrategy {
  readonly name: string;
  /** Does it ask for latencies? They are measured only then. @default false */
  readonly usesLatency?: boolean | undefined;
  /** Does it look at what a request is about? That is found only then, where nothing else needs it. @default false */
  readonly readsRequests?: boolean | undefined;
  createOrder(context: OrderContext): ReadyOrder;
}

/**
 * The simple kind, for users: it is shown the ready keys of the best priority tier (one per account, at least one) and
 * names the one to use for a request. A throw, or an answer that is not one of them, falls back to the first.
 */
export interface ChoosingStrategy {
  readonly name: string;
  choose(ready: readonly ReadyKey[], request: StrategyRequest): ReadyKey | undefined;
}

export type Strategy = OrderingStrategy | ChoosingStrategy;
