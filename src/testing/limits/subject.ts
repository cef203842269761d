import { amountOf, type LimitRule, type UsedAmounts } from "./limit-rule.ts";
import type { Instant, UseCount } from "./use-count.ts";

/** A use that counts. */
export interface CountedUse extends Instant, UsedAmounts {
  readonly model: string | undefined;
}

/** What one rule has counted for one subject, and for one model where it counts them apart. */
export interface Tally {
  readonly rule: LimitRule;
  /** Set where the rule counts every model by itself. */
  readonly model: string | undefined;
  readonly count: UseCount;
  /** The most that was counted after a request this rule let pass. */
  peak: number;
  /** Requests this rule refused, alone or with others. */
  refusals: number;
}

/** An account or a key: everything it used, and its counters. */
export class Subject {
  readonly #counted: CountedUse[] = [];
  readonly #open = new Set<CountedUse>();
  /** By the rule's id, then by model. */
  readonly #tallies = new Map<string, Map<string | undefined, Tally>>();
  readonly #rules = new Map<string, LimitRule>();

  /** A rule that is asked for the first time counts what was used before, as if it had always been there. */
  tally(rule: LimitRule, model: string | undefined): Tally {
    if (!this.#rules.has(rule.id)) this.#learn(rule);
    return this.#tallyOf(rule, model);
  }

  tallies(): Tally[] {
    return [...this.#tallies.values()].flatMap((byModel) => [...byModel.values()]);
  }

  /** Counts a use, under way or only counted. */
  count(use: CountedUse, isUnderWay: boolean): void {
    this.#counted.push(use);
    if (isUnderWay) this.#open.add(use);
    for (const rule of this.#rules.values()) {
      if (rule.dimension !== "concurrency" || isUnderWay) this.#add(rule, use);
    }
  }

  end(use: CountedUse): void {
    if (!this.#open.delete(use)) return;
    for (const rule of this.#rules.values()) {
      if (rule.dimension === "concurrency" && rule.covers(use.model)) this.#tallyOf(rule, use.model).count.end(1);
    }
  }

  #learn(rule: LimitRule): void {
    this.#rules.set(rule.id, rule);
    for (const use of rule.dimension === "concurrency" ? this.#open : this.#counted) this.#add(rule, use);
  }

  #add(rule: LimitRule, use: CountedUse): void {
    if (rule.covers(use.model)) this.#tallyOf(rule, use.model).count.add(use, amountOf(rule.dimension, use));
  }

  #tallyOf(rule: LimitRule, requestModel: string | undefined): Tally {
    const model = rule.perModel ? requestModel : undefined;
    let byModel = this.#tallies.get(rule.id);
    if (byModel === undefined) {
      byModel = new Map();
      this.#tallies.set(rule.id, byModel);
    }
    let tally = byModel.get(model);
    if (tally === undefined) {
      tally = { rule, model, count: rule.newCount(), peak: 0, refusals: 0 };
      byModel.set(model, tally);
    }
    return tally;
  }
}
