import { periodMs } from "../../limits/limits.ts";
import type { HeaderReader, LeaseFacts, LeaseRefusal, ObservedKey, PoolObserver } from "../../ports.ts";
import type { Clock, CooldownChange, LearntLimit, ScopeId, StatedLimit } from "../../types.ts";
import type { HeaderGrammar } from "../waits/header-grammar.ts";

/** The last answer that said something. Times are monotonic; an answer to an older request teaches nothing. */
interface LearntAnswer {
  readonly grammar: HeaderGrammar;
  readonly headers: HeaderReader;
  readonly model: string | undefined;
  readonly sentAt: number;
  readonly seenAt: number;
}

/** A limit in the words of a refusal. */
interface StatedEntry extends StatedLimit {
  readonly model: string | undefined;
  /** Monotonic time. */
  readonly seenAt: number;
}

/** Model names come from outside: beyond so many for an account, what was learnt is begun anew. */
const mostModels = 64;
const mostStated = 128;

const noChanges: readonly CooldownChange[] = [];

export interface LearntLimitsParts {
  readonly clock: Clock;
  /** How the provider's headers are read; `undefined`: they say nothing of limits. */
  readonly grammarOf: (lease: LeaseFacts) => HeaderGrammar | undefined;
}

/**
 * Learns from the counters that answers carry, so that a key that ran dry is left alone before it is refused. Only ever takes
 * away; what was learnt is forgotten with its window.
 */
export class LearntLimits {
  readonly #parts: LearntLimitsParts;
  /** By account id, then by model where they are counted apart. */
  readonly #answers = new Map<string, Map<string, LearntAnswer>>();
  /** By account id, then by what is limited. */
  readonly #stated = new Map<string, Map<string, StatedEntry>>();
  /** Looks at refusals: attached always. */
  readonly ofRefusals: PoolObserver;
  /** Looks at headers: attached where a provider's headers say something. */
  readonly ofHeaders: PoolObserver;

  constructor(parts: LearntLimitsParts) {
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
    for (const { grammar, headers, model, seenAt } of this.#answers.get(accountId)?.values() ?? []) {
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
   * Notes what an answer said, and returns the cooldowns that follow from it. Only what is left is read here; the rest when
   * somebody asks.
   */
  #headers(lease: LeaseFacts, headers: HeaderReader): readonly CooldownChange[] {
    const { clock, grammarOf } = this.#parts;
    const grammar = grammarOf(lease);
    const found = grammar?.leftIn(headers) ?? "nothing";
    if (grammar === undefined || found === "nothing") return noChanges;
    const model = grammar.isPerModel ? lease.model : undefined;
    const { accountId } = lease;
    const answers = this.#answers.get(accountId) ?? new Map<string, LearntAnswer>();
    const known = answers.get(model ?? "");
    if (known !== undefined && known.sentAt > lease.startedAt) return noChanges;
    const seenAt = clock.monotonic();
    if (answers.size === 0) this.#answers.set(accountId, answers);
    if (answers.size >= mostModels && known === undefined) answers.clear();
    answers.set(model ?? "", { grammar, headers, model, sentAt: lease.startedAt, seenAt });
    return found === "some" ? noChanges : this.#cooldownsFor(lease, grammar, headers, model);
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
    this.#answers.delete(accountId);
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
