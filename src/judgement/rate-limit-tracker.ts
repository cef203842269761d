import { expectKnown, expectMethods, expectNumber, expectString, unexpected } from "../checks.ts";
import { systemClock } from "../clock.ts";
import { amountsOf } from "../limits/amounts.ts";
import { fillTokens } from "../limits/key-candidate.ts";
import { type LimitTemplate, resolveLimits } from "../limits/limits.ts";
import { ProcessStore } from "../limits/memory/memory.ts";
import { type LimitedBucket, type LimitedKey, PoolLimits } from "../limits/pool-limits.ts";
import { accountScope, modelScope } from "../limits/scopes.ts";
import type { Blocked, Candidate, Reservation, ReserveOptions, Store } from "../limits/store.ts";
import type { Clock, Dimension, Limit, Usage } from "../types.ts";
import { type HeaderSource, HeaderView, readHeaderDelay, readServerTime } from "./reading/headers.ts";
import { exhaustedBucket, readHeaderBuckets } from "./waits/rate-limit-headers.ts";

export interface RateLimitTrackerOptions {
  /** Limits that hold for every account; at least one. */
  readonly limits: readonly Limit[];
  /** Where they are counted: trackers that share a store share what is left. @default in memory, each tracker by itself */
  readonly store?: Store | undefined;
  /** By how much the other side's counting may lag behind ours, milliseconds. @default 2 % of a window, at least 25, at most 1000 */
  readonly guardMs?: number | undefined;
  /** Over a shared store: what was reserved gives its concurrency back after so many milliseconds. @default 600000 */
  readonly leaseMs?: number | undefined;
  /** @default the platform's clock */
  readonly clock?: Clock | undefined;
}

/** What is asked for: a request of an account. */
export interface LimitedUse {
  /** Whose limits. @default "default" */
  readonly account?: string | undefined;
  /** The model, where limits tell models apart. */
  readonly model?: string | undefined;
  /** Tokens it is expected to use, where a limit counts tokens. @default none going in, 2000 coming out */
  readonly tokens?: { readonly input?: number | undefined; readonly output?: number | undefined } | undefined;
}

/** What is left of one limit. */
export interface LimitLeft {
  /** The limit's id. */
  readonly id: string;
  readonly dimension: Dimension;
  /** Of a limit that counts each model apart, the model. */
  readonly model: string | null;
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  readonly resetInMs: number | null;
}

export interface LimitsGranted {
  readonly granted: true;
  /**
   * Ends it: real amounts take the place of the expected ones, and its permit is free again. Safe to repeat.
   * @param result.usage what it used; @default what was expected
   * @param result.sent `false`: it never left, and everything is given back; @default true
   */
  settle(result?: { readonly usage?: Usage | undefined; readonly sent?: boolean | undefined }): Promise<void>;
}

export interface LimitsRefused {
  readonly granted: false;
  /** The limit's id, or `"headers"`: what was fed says so. */
  readonly by: string;
  /** Milliseconds until there may be room; `null`: when a request under way ends. */
  readonly retryInMs: number | null;
}

const knownOptions: { readonly [name in keyof Required<RateLimitTrackerOptions>]: true } = {
  limits: true,
  store: true,
  guardMs: true,
  leaseMs: true,
  clock: true,
};
const knownUse: { readonly [name in keyof Required<LimitedUse>]: true } = { account: true, model: true, tokens: true };

/**
 * Declared limits by themselves, without keys and requests: what is left, when there is room, and taking it in one atomic step.
 *
 * @example
 * const tracker = new RateLimitTracker({ limits: [{ requests: 20, per: "minute" }] });
 * const taken = await tracker.reserve();
 * if (taken.granted) await taken.settle();
 */
export class RateLimitTracker {
  readonly #limits: PoolLimits;
  readonly #templates: readonly LimitTemplate[];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #reserving: ReserveOptions;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(options: RateLimitTrackerOptions) {
    expectKnown("options", options, knownOptions);
    const { limits, guardMs, leaseMs = 600_000, clock = systemClock } = options;
    const templates = resolveLimits("limits", limits);
    if (templates.length === 0) throw unexpected("limits", "a list of at least one limit", limits);
    this.#clock = expectMethods<Clock>("clock", ["wall", "monotonic", "timer"], clock);
    this.#store = options.store ?? new ProcessStore({ clock });
    expectMethods<Store>("store", ["reserve", "settle", "cooldown", "read"], this.#store);
    this.#templates = templates;
    this.#limits = new PoolLimits({
      clock,
      guardMs: guardMs === undefined ? undefined : expectNumber("guardMs", guardMs, { min: 0 }),
      cooldownMs: 1000,
      maxCooldownMs: 600_000,
      egress: "tracker",
    });
    this.#reserving = {
      leaseMs: expectNumber("leaseMs", leaseMs, { above: 0 }),
      purpose: "request",
    };
  }

  /**
   * Takes what a request needs from every limit that counts it, or nothing and says what stands against it.
   * @throws InvalidOptionsError for a use that cannot be one; what the store throws.
   */
  async reserve(use: LimitedUse = {}): Promise<LimitsGranted | LimitsRefused> {
    const owner = this.#ownerOf(use);
    const answer = await this.#store.reserve([this.#candidateFor(owner, use)], this.#reserving);
    if (answer.granted) return this.#granted(answer as Reservation);
    const { by, until } = answer.blocked[0] as Blocked;
    const limit = this.#limits.bucketsOf(owner).find(({ bucket }) => bucket.id === by);
    const retryInMs = until === null ? null : Math.max(0, until - answer.now);
    return { granted: false, by: limit?.template.id ?? "headers", retryInMs };
  }

  /**
   * What is left of every limit that counts the model, and when something is free again.
   * @throws InvalidOptionsError for a use that cannot be one; what the store throws.
   */
  async left(use: LimitedUse = {}): Promise<readonly LimitLeft[]> {
    const owner = this.#ownerOf(use);
    const counting = new Set(this.#candidateFor(owner, use).needs.map(({ bucket }) => bucket.id));
    const counted = this.#limits.bucketsOf(owner).filter(({ bucket }) => counting.has(bucket.id));
    const { buckets } = await this.#store.read(
      [],
      counted.map(({ bucket }) => bucket),
    );
    return buckets.map(({ used, left, resetInMs }, place) => {
      const { template, model = null, bucket } = counted[place] as LimitedBucket;
      const { id, dimension } = template;
      return { id, dimension, model, limit: bucket.limit, used, left, resetInMs };
    });
  }

  /**
   * Takes in what an answer's headers say: `Retry-After`, and counters with nothing left. Until then nothing is granted to that
   * account, of which fed headers only ever take away.
   * @returns milliseconds for which nothing is granted; `null` when the headers say nothing of that
   * @throws InvalidOptionsError for a use that cannot be one; what the store throws.
   */
  async feed(headers: HeaderSource, use: LimitedUse = {}): Promise<number | null> {
    const { id } = this.#ownerOf(use).account;
    const view = HeaderView.of(headers);
    const now = readServerTime(view, this.#clock.wall());
    const forMs = readHeaderDelay(view, now) ?? exhaustedBucket(readHeaderBuckets(view, now))?.resetMs ?? null;
    if (forMs === null || forMs <= 0) return null;
    const scope = use.model === undefined ? accountScope(id) : modelScope(id, use.model);
    await this.#store.cooldown([{ scope, set: { forMs }, reason: "headers", source: "authoritative" }]);
    return forMs;
  }

  /** It counts for nobody but whoever asks it: its accounts are of a provider of its own. */
  #ownerOf(use: LimitedUse): LimitedKey {
    expectKnown("use", use, knownUse);
    const name = use.account === undefined ? "default" : expectString("account", use.account);
    if (use.model !== undefined) expectString("model", use.model);
    return {
      id: name,
      account: { id: `tracker/${name}`, provider: { id: "tracker" }, limits: this.#templates },
      config: { limits: undefined },
      secret: { fingerprint: undefined },
    };
  }

  #candidateFor(owner: LimitedKey, { model, tokens: { input = 0, output = 2000 } = {} }: LimitedUse): Candidate {
    if (this.#limits.hasCalendars) this.#limits.refresh(this.#clock.wall());
    const candidate = this.#limits.candidateFor(owner, model);
    const bounds = { min: 0, finite: true };
    expectNumber("tokens.input", input, bounds);
    expectNumber("tokens.output", output, bounds);
    fillTokens(candidate.ofTokens ?? [], input, output);
    return candidate;
  }

  #granted(reservation: Reservation): LimitsGranted {
    return {
      granted: true,
      settle: async ({ usage, sent = true } = {}) => {
        const report = {
          reservation,
          outcome: sent ? "success" : "aborted",
          sent: sent ? "yes" : "no",
          amounts: usage && amountsOf(usage),
        } as const;
        await this.#store.settle([report]);
      },
    };
  }
}

/** An account has one key here: itself. */
