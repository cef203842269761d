import type { Dimension } from "../../types.ts";
import { flag, listOf, optional, shaped, text, unexpected } from "../checks.ts";
import { JudgeLog, type LimitTicket, type TicketFilter } from "./judge-log.ts";
import { amountOf, type LimitRule, rulesOf } from "./limit-rule.ts";
import { assertProviderLimit, type ProviderLimit } from "./provider-limit.ts";
import { type CountedUse, Subject, type Tally } from "./subject.ts";

/** A request that asks to be judged. */
export interface LimitRequest {
  /** When it arrives, milliseconds that never go back: the monotonic side of a clock. */
  readonly at: number;
  /** The same moment in epoch milliseconds, for calendar windows. @default `at` */
  readonly wall?: number | undefined;
  /** Name of the key: any string that no other key has. Is repeated in the peaks, so it should not be the secret. */
  readonly key: string;
  /** Name of the account the key belongs to. @default the key is its own account */
  readonly account?: string | undefined;
  readonly model?: string | undefined;
  /** An integer of at least 0. @default 0 */
  readonly inputTokens?: number | undefined;
  /** An integer of at least 0. @default 0 */
  readonly outputTokens?: number | undefined;
  /** The limits in force for this key now. @default the judge's */
  readonly limits?: readonly ProviderLimit[] | undefined;
}

/** How far a limit is used. */
export interface LimitStanding {
  readonly limit: ProviderLimit;
  /** Which of the limit's amounts. */
  readonly dimension: Dimension;
  /** The most that may be counted. */
  readonly max: number;
  readonly used: number;
  /** Milliseconds until nothing counted now counts any more; `null` for what is under way. */
  readonly resetMs: number | null;
}

/** The limit that refused a request, as it stood. */
export interface LimitRefusal extends LimitStanding {
  /** What the request would have taken. */
  readonly requested: number;
}

/** What the judge says. */
export type LimitVerdict =
  | { readonly allowed: true; readonly retryAfterMs: 0; readonly by?: undefined; readonly ticket: LimitTicket }
  | {
      readonly allowed: false;
      /**
       * Milliseconds until the same request would be let through if no other one came; `null` when time alone does not
       * help: it is too large for the limit, or only the end of another one makes room.
       */
      readonly retryAfterMs: number | null;
      /** The limit that holds the request back for longest. */
      readonly by: LimitRefusal;
      readonly ticket?: undefined;
    };

/** The most that one limit has counted for one key or account. */
export interface LimitPeak {
  readonly limit: ProviderLimit;
  readonly dimension: Dimension;
  readonly max: number;
  /** Set where the limit counts for one key. */
  readonly key?: string | undefined;
  /** Set where the limit counts for a named account. */
  readonly account?: string | undefined;
  /** Set where the limit counts every model by itself. */
  readonly model?: string | undefined;
  /** The most that was counted after a request this limit let pass. */
  readonly peak: number;
  /** How many requests this limit refused, alone or with others. */
  readonly refusals: number;
}

/** Settings of a {@link LimitJudge}. */
export interface LimitJudgeOptions {
  /** Whether a refused request counts as a request too (never its tokens), as with some providers. @default false */
  readonly countRefused?: boolean | undefined;
}

const checkOptions = shaped<LimitJudgeOptions>({ countRefused: optional(flag) });
const checkLimits = listOf("limits", (field, value) => assertProviderLimit(value as ProviderLimit, field));

interface Account {
  readonly name: string | undefined;
  readonly shared: Subject;
  readonly keys: Map<string, Subject>;
}

/**
 * Judges requests as a provider with exact limits does: without a clock, without HTTP, and without a line of the code
 * that keeps within limits. A request passes when no limit would be exceeded by it; then its tokens count at once, and
 * it is under way until `finish`. Every use is kept, so that a limit declared later counts what came before it.
 *
 * @example
 * const judge = new LimitJudge([{ requests: 20, tokens: 1_000, per: 2_000 }, { concurrency: 4 }]);
 * const verdict = judge.arrive({ at: 0, key: "first", inputTokens: 10, outputTokens: 90 });
 * if (verdict.allowed) judge.finish(verdict.ticket, 350);
 */
export class LimitJudge {
  readonly #limits: readonly ProviderLimit[];
  readonly #countRefused: boolean;
  readonly #rules = new WeakMap<ProviderLimit, readonly LimitRule[]>();
  readonly #accounts = new Map<string, Account>();
  readonly #log = new JudgeLog();
  #refusals = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** Throws `InvalidOptionsError` for a limit that cannot be. */
  constructor(limits: readonly ProviderLimit[] = [], options: LimitJudgeOptions = {}) {
    checkLimits("limits", limits);
    checkOptions("options", options);
    this.#limits = limits;
    this.#countRefused = options.countRefused ?? false;
  }

  /** How many requests were refused, from the first on or since the log was cleared. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Judges a request, and counts it if it may pass. Throws `InvalidOptionsError` for one that cannot be. */
  arrive(request: LimitRequest): LimitVerdict {
    const use = this.#useOf(request);
    const subjects = this.#subjectsOf(request);
    const tallies = this.#tallies(request, subjects);
    let worst: { readonly tally: Tally; readonly waitMs: number | null; readonly rank: number } | undefined;
    for (const tally of tallies) {
      const waitMs = waitOf(tally, use);
      if (waitMs === 0) continue;
      tally.refusals++;
      const rank = rankOf(tally, use, waitMs);
      if (worst === undefined || rank > worst.rank) worst = { tally, waitMs, rank };
    }
    if (worst !== undefined) {
      const requested = amountOf(worst.tally.rule.dimension, use);
      const by: LimitRefusal = { ...standingOf(worst.tally, use), requested };
      this.#refuse(use, subjects);
      return { allowed: false, retryAfterMs: worst.waitMs, by };
    }
    const { key, account } = request;
    const ticket: LimitTicket = { ...use, key, account, finishedAt: null };
    for (const subject of subjects) subject.count(ticket, true);
    for (const tally of tallies) tally.peak = Math.max(tally.peak, tally.count.used(use));
    this.#log.begin(ticket);
    return { allowed: true, retryAfterMs: 0, ticket };
  }

  /** Ends a request that was let through, at `at` milliseconds. Does nothing the second time. */
  finish(ticket: LimitTicket, at: number): void {
    this.#moveTo(at);
    if (!this.#log.end(ticket, at)) return;
    for (const subject of this.#subjectsOf(ticket)) subject.end(ticket);
  }

  /** How far each limit that covers such a request is used. Counts nothing. */
  standings(request: LimitRequest): readonly LimitStanding[] {
    const use = this.#useOf(request);
    return this.#tallies(request, this.#subjectsOf(request)).map((tally) => standingOf(tally, use));
  }

  /** The most every limit has counted, for every key or account it counts for. */
  peaks(): readonly LimitPeak[] {
    return [...this.#accounts.values()].flatMap(({ name, shared, keys }) => [
      ...shared.tallies().map((tally) => peakOf(tally, name === undefined ? [...keys.keys()][0] : undefined, name)),
      ...[...keys].flatMap(([key, subject]) => subject.tallies().map((tally) => peakOf(tally, key, name))),
    ]);
  }

  /** The most that was used in any half-open window of `windowMs` milliseconds by what was let through. */
  maxInAnyWindow(
    windowMs: number,
    filter: TicketFilter & {
      /** @default "requests" */
      readonly dimension?: Exclude<Dimension, "concurrency"> | undefined;
    } = {},
  ): number {
    return this.#log.maxInAnyWindow(windowMs, filter.dimension ?? "requests", filter);
  }

  /** How many requests were under way at once at most. */
  peakConcurrency(filter: TicketFilter = {}): number {
    return this.#log.peakConcurrency(filter);
  }

  /** Starts the peaks, the refusals and the log anew. What limits have counted stays counted. */
  clearLog(): void {
    this.#log.clear();
    this.#refusals = 0;
    for (const { shared, keys } of this.#accounts.values()) {
      for (const tally of [shared, ...keys.values()].flatMap((subject) => subject.tallies())) {
        tally.peak = 0;
        tally.refusals = 0;
      }
    }
  }

  #refuse(use: CountedUse, subjects: readonly Subject[]): void {
    this.#refusals++;
    if (!this.#countRefused) return;
    const counted = { ...use, inputTokens: 0, outputTokens: 0 };
    for (const subject of subjects) subject.count(counted, false);
  }

  #useOf(request: LimitRequest): CountedUse {
    const { at, wall = at, key, model, inputTokens = 0, outputTokens = 0 } = request;
    this.#moveTo(at);
    if (!Number.isFinite(wall)) throw unexpected("wall", "a finite number of milliseconds", wall);
    text("key", key);
    assertTokens("inputTokens", inputTokens);
    assertTokens("outputTokens", outputTokens);
    return { at, wall, model, inputTokens, outputTokens };
  }

  #moveTo(at: number): void {
    if (!Number.isFinite(at) || at < this.#lastAt) {
      throw unexpected("at", `a finite number >= ${this.#lastAt}, the time of the call before`, at);
    }
    this.#lastAt = at;
  }

  /** The account and the key, in this order. */
  #subjectsOf({ key, account: name }: Pick<LimitRequest, "key" | "account">): readonly [Subject, Subject] {
    const id = name === undefined ? `key ${key}` : `account ${name}`;
    let account = this.#accounts.get(id);
    if (account === undefined) {
      account = { name, shared: new Subject(), keys: new Map() };
      this.#accounts.set(id, account);
    }
    let own = account.keys.get(key);
    if (own === undefined) {
      own = new Subject();
      account.keys.set(key, own);
    }
    return [account.shared, own];
  }

  #tallies(request: LimitRequest, [shared, own]: readonly [Subject, Subject]): readonly Tally[] {
    const tallies = new Set<Tally>();
    for (const limit of request.limits ?? this.#limits) {
      for (const rule of this.#rulesFor(limit)) {
        if (rule.covers(request.model)) tallies.add((rule.scope === "key" ? own : shared).tally(rule, request.model));
      }
    }
    return [...tallies];
  }

  #rulesFor(limit: ProviderLimit): readonly LimitRule[] {
    const known = this.#rules.get(limit);
    if (known !== undefined) return known;
    assertProviderLimit(limit, "limit");
    const rules = rulesOf(limit);
    this.#rules.set(limit, rules);
    return rules;
  }
}

function assertTokens(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw unexpected(field, "an integer >= 0", value);
}

/** 0 when there is room. */
function waitOf({ rule, count }: Tally, use: CountedUse): number | null {
  const amount = amountOf(rule.dimension, use);
  if (amount === 0) return 0;
  return amount > rule.max ? null : count.waitMs(use, amount, rule.max);
}

/** Longer waits come first, above them what never fits, below them what ends at an unknown time. */
function rankOf({ rule }: Tally, use: CountedUse, waitMs: number | null): number {
  if (waitMs !== null) return waitMs;
  return amountOf(rule.dimension, use) > rule.max ? Number.POSITIVE_INFINITY : -1;
}

function standingOf({ rule, count }: Tally, use: CountedUse): LimitStanding {
  const { limit, dimension, max } = rule;
  return { limit, dimension, max, used: count.used(use), resetMs: count.resetMs(use) };
}

function peakOf(
  { rule, model, peak, refusals }: Tally,
  key: string | undefined,
  account: string | undefined,
): LimitPeak {
  const { limit, dimension, max } = rule;
  return { limit, dimension, max, key, account, model, peak, refusals };
}
