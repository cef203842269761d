import { periodMs } from "../../limits/limits.ts";
import { modelScope } from "../../limits/scopes.ts";
import type { Account } from "../../pool/keys/key-pool.ts";
import type { Lease } from "../../pool/lease.ts";
import type { HeaderReader } from "../../ports.ts";
import type { Clock, CooldownChange, LearntLimit, ScopeId } from "../../types.ts";
import type { HeaderCounter, Provider } from "../provider.ts";
import { limitOf } from "../waits/stated-limit.ts";
import { calendarResetMs, readDeclaredBuckets } from "../waits/stated-resets.ts";
import type { StatedLimits } from "./stated-limits.ts";

/** The last answer that said something. Times are monotonic; an answer to an older request teaches nothing. */
export interface LearntAnswer {
  readonly headers: HeaderReader;
  readonly model: string | undefined;
  readonly sentAt: number;
  readonly seenAt: number;
}

/** Model names come from outside: beyond so many for an account, what was learnt is begun anew. */
const mostModels = 64;

const noChanges: readonly CooldownChange[] = [];
const noneLowered: readonly string[] = [];

/**
 * Learns from the counters that answers carry, so that a key that ran dry is left alone before it is refused. Only ever takes
 * away; what was learnt is forgotten with its window.
 */
export class LearntLimits {
  readonly #provider: Provider;
  readonly #clock: Clock;
  readonly #counters: readonly HeaderCounter[];
  readonly #isPerModel: boolean;
  readonly #stated: StatedLimits;
  readonly #hasDeclared: () => boolean;
  /** Counters whose limit may be lower than a declared one. */
  readonly #withLimit: readonly HeaderCounter[];

  /** @param hasDeclared are there declared limits that could be lowered? */
  constructor(provider: Provider, clock: Clock, stated: StatedLimits, hasDeclared: () => boolean) {
    this.#stated = stated;
    this.#hasDeclared = hasDeclared;
    this.#provider = provider;
    this.#clock = clock;
    this.#counters = provider.headers ?? [];
    this.#withLimit = this.#counters.filter(({ limit, window }) => limit !== undefined && window !== null);
    this.#isPerModel = this.#counters.some((counter) => this.#isOfModel(counter));
  }

  /** Does this provider's grammar name any counter? */
  get hasGrammar(): boolean {
    return this.#counters.length > 0;
  }

  /**
   * Notes what an answer said, and returns the rests that follow from it. Only what is left is read here; the rest when
   * somebody asks.
   */
  observe(lease: Lease, headers: HeaderReader, findModel: () => string | undefined): readonly CooldownChange[] {
    const found = this.#leftIn(headers);
    if (found === "nothing") return noChanges;
    const { account } = lease.key;
    const model = this.#isPerModel ? (lease.model ?? findModel()) : undefined;
    const known = account.learnt?.get(model ?? "");
    if (known !== undefined && known.sentAt > lease.startedAt) return noChanges;
    const seenAt = this.#clock.monotonic();
    account.learnt ??= new Map();
    if (account.learnt.size >= mostModels && known === undefined) account.learnt.clear();
    if (this.#withLimit.length > 0 && this.#hasDeclared()) this.#lower(lease, headers, model, known?.headers);
    account.learnt.set(model ?? "", { headers, model, sentAt: lease.startedAt, seenAt });
    return found === "some" ? noChanges : this.#restsFor(lease, headers, model);
  }

  /** Looks at stated limits only when they are not what they were. */
  #lower(lease: Lease, headers: HeaderReader, model: string | undefined, before: HeaderReader | undefined): void {
    for (const counter of this.#withLimit) {
      const text = headers.get(counter.limit as string);
      if (text === null || text === before?.get(counter.limit as string)) continue;
      const stated = limitOf(Number(text), counter.dimension, counter.window);
      if (stated === null) continue;
      this.#stated.note(lease, stated, this.#isOfModel(counter) ? model : undefined, counter.limit);
    }
  }

  /** What is still true of what an account's answers said. */
  of(account: Account): readonly LearntLimit[] {
    const now = this.#clock.monotonic();
    const limits: LearntLimit[] = [...this.#stated.of(account)];
    for (const { headers, model, seenAt } of account.learnt?.values() ?? []) {
      const wallThen = this.#clock.wall() - (now - seenAt);
      for (const { counter, limit, remaining, resetMs } of readDeclaredBuckets(headers, this.#counters, wallThen)) {
        const { dimension, window } = counter;
        const endsAt = seenAt + (resetMs ?? periodMs[window ?? "minute"]);
        if (endsAt <= now) continue;
        const resetInMs = resetMs === null ? null : endsAt - now;
        const header = counter.remaining ?? counter.reset ?? "";
        limits.push({
          dimension,
          window,
          model: model ?? null,
          limit,
          remaining,
          resetInMs,
          from: "headers",
          header,
          seenAgoMs: now - seenAt,
          lowers: noneLowered,
        });
      }
    }
    return limits;
  }

  #leftIn(headers: HeaderReader): "nothing" | "some" | "none" {
    let found: "nothing" | "some" = "nothing";
    for (const { remaining } of this.#counters) {
      const text = remaining === undefined ? null : headers.get(remaining);
      if (text === null) continue;
      if (Number(text) <= 0) return "none";
      found = "some";
    }
    return found;
  }

  #restsFor(lease: Lease, headers: HeaderReader, model: string | undefined): readonly CooldownChange[] {
    const wall = this.#clock.wall();
    const changes: CooldownChange[] = [];
    for (const { counter, limit, remaining, resetMs } of readDeclaredBuckets(headers, this.#counters, wall)) {
      if (remaining === null || remaining > 0) continue;
      const forMs = this.#restMs(counter, limit, resetMs, wall);
      if (forMs === null || forMs <= 0) continue;
      const scope = this.#scopeOf(counter, lease, this.#isOfModel(counter) ? model : undefined);
      changes.push({ scope, set: { forMs }, reason: "no_quota_left", source: "heuristic" });
    }
    if (model !== undefined && changes.length > 0) lease.model = model;
    return changes;
  }

  #isOfModel({ scope }: HeaderCounter): boolean {
    return scope === "model" || (scope === undefined && this.#provider.perModel === true);
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
    return periodMs[window];
  }
}
