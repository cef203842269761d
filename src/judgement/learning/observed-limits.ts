import { periodMs } from "../../limits/limits.ts";
import type { HeaderReader, LeaseFacts, LeaseRefusal, ObservedKey, PoolObserver } from "../../ports.ts";
import type { Clock, CooldownChange, LearntLimit, ScopeId, StatedLimit } from "../../types.ts";
import type { HeaderGrammar, LeftCounts } from "../waits/header-grammar.ts";

/** The last answer that said something. Times are monotonic; an answer to an older request teaches nothing. */
interface ObservedAnswer {
  readonly grammar: HeaderGrammar;
  readonly headers: HeaderReader;
  readonly model: string | undefined;
  readonly sentAt: number;
  readonly seenAt: number;
}

/** What the answers of an account said. */
interface ObservedAccount {
  /** By model where they are counted apart. */
  readonly answers: Map<string, ObservedAnswer>;
  /** All their counters were looked at then, monotonic. */
  lookedAt: number;
  /** How much was left when they were. */
  left: LeftCounts;
}

/** A limit in the words of a refusal. */
interface StatedEntry extends StatedLimit {
  readonly model: string | undefined;
  /** Monotonic time. */
  readonly seenAt: number;
}

/** Model names come from outside: beyond so many for an account, what was observed is begun anew. */
const mostModels = 64;
const mostStated = 128;

/** While plenty is left, all that answers say is looked at so seldom; in between, the first counter is enough. Milliseconds. */
const seldomMs = 1000;

const noChanges: readonly CooldownChange[] = [];

export interface ObservedLimitsParts {
  readonly clock: Clock;
  /** How the provider's headers are read; `undefined`: they say nothing of limits. */
  readonly grammarOf: (lease: LeaseFacts) => HeaderGrammar | undefined;
}

/**
 * Learns from the counters that answers carry, so that a key that ran dry is left alone before it is refused. Only ever takes
 * away; what was observed is forgotten with its window.
 */
export class ObservedLimits {
  readonly #parts: ObservedLimitsParts;
  /** By account id. */
  readonly #accounts = new Map<string, ObservedAccount>();
  /** By account id, then by what is limited. */
  readonly #stated = new Map<string, Map<string, StatedEntry>>();
  /** Looks at refusals: attached always. */
  readonly ofRefusals: PoolObserver;
  /** Looks at headers: attached where a provider's headers say something. */
  readonly ofHeaders: PoolObserver;

  constructor(parts: ObservedLimitsParts) {
    this.#parts = parts;
    this.ofRefusals = {
      refused: (lease, refusal) => this.#refused(lease, refusal),
      keyRemoved: (key) => this.#keyRemoved(key),
    };
    this.ofHeaders = { headers: (lease, headers) => this.#headers(lease, headers) };
  }

  /** What is still true of what an account's answers said. */
  of(accountId: string): readonly LearntLimit[] {
    const { clock } = this.#parts;
    const now = clock.monotonic();
    const limits: LearntLimit[] = [...this.#statedOf(accountId, now)];
    for (const { grammar, headers, model, seenAt } of this.#accounts.get(accountId)?.answers.values() ?? []) {
      const wallThen = clock.wall() - (now - seenAt);
      for (const { counter, limit, remaining, resetMs } of grammar.read(headers, wallThen)) {
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
        });
      }
    }
    return limits;
  }

  *#statedOf(accountId: string, now: number): Generator<LearntLimit> {
    const stated = this.#stated.get(accountId);
    for (const [name, { amount, dimension, window, model = null, seenAt }] of stated ?? []) {
      if (seenAt + periodMs[window ?? "minute"] <= now) {
        stated?.delete(name);
        continue;
      }
      const [remaining, resetInMs, header, seenAgoMs] = [null, null, null, now - seenAt];
      yield { dimension, window, model, limit: amount, remaining, resetInMs, from: "refusal", header, seenAgoMs };
    }
  }

  /**
   * Notes what an answer said, and returns the cooldowns that follow from it. Asking for a header is what an answer costs most:
   * while plenty is left, one is asked for. Resets are read when somebody wants to know.
   */
  #headers(lease: LeaseFacts, headers: HeaderReader): readonly CooldownChange[] {
    const { clock, grammarOf } = this.#parts;
    const grammar = grammarOf(lease);
    if (grammar === undefined) return noChanges;
    const { accountId, startedAt } = lease;
    const seenAt = clock.monotonic();
    let account = this.#accounts.get(accountId);
    if (account !== undefined && !account.left.isLittle && seenAt - account.lookedAt < seldomMs) {
      const { header, little } = account.left;
      if (Number(headers.get(header)) > little) return noChanges;
    }
    const left = grammar.leftIn(headers);
    if (left === undefined) return noChanges;
    const model = grammar.isPerModel ? lease.model : undefined;
    const known = account?.answers.get(model ?? "");
    if (known !== undefined && known.sentAt > startedAt) return noChanges;
    if (account === undefined) {
      account = { answers: new Map(), lookedAt: seenAt, left };
      this.#accounts.set(accountId, account);
    }
    const { answers } = account;
    account.lookedAt = seenAt;
    account.left = left;
    if (answers.size >= mostModels && known === undefined) answers.clear();
    answers.set(model ?? "", { grammar, headers, model, sentAt: startedAt, seenAt });
    return left.isNothing ? this.#cooldownsFor(lease, grammar, headers, model) : noChanges;
  }

  /** Takes in what a refusal stated. It is shown for one window's length, and lowers nothing. */
  #refused(lease: LeaseFacts, { classification }: LeaseRefusal): void {
    const { limit, scope } = classification;
    if (limit === undefined) return;
    const stated = this.#stated.get(lease.accountId) ?? new Map<string, StatedEntry>();
    this.#stated.set(lease.accountId, stated);
    if (stated.size >= mostStated) stated.clear();
    const model = scope === "model" ? lease.model : undefined;
    const { amount, dimension, window } = limit;
    const seenAt = this.#parts.clock.monotonic();
    stated.set(`${dimension} ${window} ${model ?? ""}`, { amount, dimension, window, model, seenAt });
  }

  #keyRemoved({ accountId }: ObservedKey): void {
    this.#accounts.delete(accountId);
    this.#stated.delete(accountId);
  }

  #cooldownsFor(
    lease: LeaseFacts,
    grammar: HeaderGrammar,
    headers: HeaderReader,
    model: string | undefined,
  ): readonly CooldownChange[] {
    const dry = grammar.dryIn(headers, this.#parts.clock.wall(), model !== undefined);
    return dry.map(({ of, forMs }) => {
      const isOfModel = of === "model" && model !== undefined;
      const scope = lease.scopeOf(isOfModel ? "model" : of === "key" ? "key" : "account") as ScopeId;
      return { scope, set: { forMs }, reason: "no_quota_left", source: "heuristic" };
    });
  }
}
