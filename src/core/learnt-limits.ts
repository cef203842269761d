import type { HeaderCounter, Provider } from "../providers/provider.ts";
import type { CooldownChange, ScopeId } from "../stores/store.ts";
import type { Clock, Dimension, WindowName } from "../types.ts";
import { calendarResetMs, readDeclaredBuckets } from "./classification/stated-resets.ts";
import type { Account } from "./key-pool.ts";
import type { Lease } from "./lease.ts";
import { modelScope } from "./scopes.ts";

/** What an answer's headers said of a limit. */
export interface LearntLimit {
  readonly dimension: Dimension;
  readonly window: WindowName | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  /** Monotonic time of its reset; `null` when nothing was said. */
  readonly resetAt: number | null;
  /** Monotonic time at which the request that taught it was sent: an answer to an older one teaches nothing. */
  readonly sentAt: number;
  readonly seenAt: number;
  /** The header it was read from. */
  readonly header: string;
  readonly model: string | undefined;
}

/** Headers as far as they are asked for. */
export interface HeaderReader {
  get(name: string): string | null;
}

const windowMs: Readonly<Record<WindowName, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

/**
 * Learns from the counters that answers carry, so that a key that ran dry is left alone before it is refused. Only ever takes
 * away; what was learnt is forgotten with its window.
 */
export class LearntLimits {
  readonly #provider: Provider;
  readonly #clock: Clock;

  constructor(provider: Provider, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Does this provider's grammar name any counter? */
  get hasGrammar(): boolean {
    return this.#provider.headers !== undefined && this.#provider.headers.length > 0;
  }

  /** Notes what an answer said, and returns the rests that follow from it. */
  observe(lease: Lease, headers: HeaderReader, findModel: () => string | undefined): readonly CooldownChange[] {
    const { headers: counters = [], perModel = false } = this.#provider;
    const { account } = lease.key;
    const wall = this.#clock.wall();
    const now = this.#clock.monotonic();
    const changes: CooldownChange[] = [];
    for (const { counter, limit, remaining, resetMs } of readDeclaredBuckets(headers, counters, wall)) {
      const isOfModel = counter.scope === "model" || (counter.scope === undefined && perModel);
      const model = isOfModel ? (lease.model ?? findModel()) : undefined;
      const header = counter.remaining ?? counter.reset ?? "";
      const name = model === undefined ? header : `${header} ${model}`;
      const known = account.learnt?.get(name);
      if (known !== undefined && known.sentAt > lease.startedAt) continue;
      const { dimension, window } = counter;
      const resetAt = resetMs === null ? null : now + resetMs;
      account.learnt ??= new Map();
      account.learnt.set(name, {
        dimension,
        window,
        limit,
        remaining,
        resetAt,
        sentAt: lease.startedAt,
        seenAt: now,
        header,
        model,
      });
      if (remaining === null || remaining > 0) continue;
      const forMs = this.#restMs(counter, limit, resetMs, wall);
      if (forMs === null || forMs <= 0) continue;
      if (model !== undefined) lease.model = model;
      changes.push({
        scope: this.#scopeOf(counter, lease, model),
        set: { forMs },
        reason: "no_quota_left",
        source: "heuristic",
      });
    }
    return changes;
  }

  #scopeOf(counter: HeaderCounter, { key }: Lease, model: string | undefined): ScopeId {
    if (counter.scope === "key") return `key:${key.id}`;
    if (model !== undefined) return modelScope(key.account.name, model);
    const sharedBy = counter.scope ?? this.#provider.sharedBy ?? "key";
    return sharedBy === "key" ? `key:${key.id}` : `account:${key.account.name}`;
  }

  /** A counter that says when it is full again gives its next place back a good deal sooner. */
  #restMs(
    { window, resetIsFull }: HeaderCounter,
    limit: number | null,
    resetMs: number | null,
    wall: number,
  ): number | null {
    if (resetMs !== null)
      return resetIsFull === true && limit !== null && limit > 0 ? Math.ceil(resetMs / limit) : resetMs;
    if (window === null) return null;
    if (window === "day" || window === "month" || window === "minute")
      return calendarResetMs(window, this.#provider.dayZone ?? "UTC", wall);
    return windowMs[window];
  }
}

/** What is still true of what was learnt. */
export function learntNow(account: Account, now: number): readonly LearntLimit[] {
  const limits = [...(account.learnt?.values() ?? [])];
  return limits.filter(({ resetAt, seenAt, window }) => {
    if (resetAt !== null) return resetAt > now;
    return now - seenAt < windowMs[window ?? "minute"];
  });
}
