import type { ProviderReading } from "../../judgement/provider-reading.ts";
import type { LimitTemplate } from "../../limits/limits.ts";

/** Model names come from outside: beyond so many, an account's are begun anew. */
const mostCoolingModels = 256;

/** What an account asks of its keys. */
export interface MemberKey {
  readonly id: string;
  readonly enabled: boolean;
  readonly config: { readonly weight: number; readonly priority: number };
}

/** What accounts have in common. */
export interface AccountTerms {
  readonly provider: ProviderReading;
  /** Limits that hold for each of their keys. */
  readonly limits: readonly LimitTemplate[];
}

/**
 * A quota group: the unit that strategies order. A key without `account` is a group of its own. It belongs to a provider: the
 * same name at two providers is two accounts.
 */
export class QuotaGroup<Key extends MemberKey> {
  readonly #terms: AccountTerms;
  readonly slot: number;
  readonly position: number;
  /** The key of an account that has just one, as most have: spares the way over the list. */
  only: Key | undefined = undefined;
  #several: readonly Key[] | undefined = undefined;
  #name: string | undefined;
  #id: string | undefined = undefined;
  weight = 1;
  priority = 0;
  /** Which of its keys comes next. */
  cursor = 0;
  /** Requests and probes under way; written by `Readiness`, which counts them for all. */
  inFlight = 0;
  /** Requests given to its keys; counted by them. */
  used = 0;
  /** Models of this account that were put into cooldown on their own. */
  coolingModels: Set<string> | undefined = undefined;

  /** @param name `undefined`: that of its one key */
  constructor(terms: AccountTerms, name: string | undefined, slot: number, position: number) {
    this.#terms = terms;
    this.#name = name;
    this.slot = slot;
    this.position = position;
  }

  get provider(): ProviderReading {
    return this.#terms.provider;
  }

  get limits(): readonly LimitTemplate[] {
    return this.#terms.limits;
  }

  get name(): string {
    this.#name ??= (this.only as Key).id;
    return this.#name;
  }

  /** Provider and name: what scopes, counters and whoever remembers it know it by. */
  get id(): string {
    this.#id ??= accountId(this.provider, this.name);
    return this.#id;
  }

  get keys(): readonly Key[] {
    if (this.#several !== undefined) return this.#several;
    return this.only === undefined ? [] : [this.only];
  }

  /** Is it among these, which are named as callers name accounts, or by their ids? */
  isIn(accounts: ReadonlySet<string>): boolean {
    return accounts.has(this.id) || accounts.has(this.name);
  }

  /** A model that cools on its own. */
  noteModel(model: string): void {
    this.coolingModels ??= new Set();
    if (this.coolingModels.size >= mostCoolingModels) this.coolingModels.clear();
    this.coolingModels.add(model);
  }

  join(key: Key): void {
    const { keys } = this;
    // Whoever joins has said the name.
    if (keys.length > 0) this.#name ??= this.name;
    this.#keep(keys.length === 0 ? [key] : [...keys, key]);
  }

  leave(key: Key): void {
    this.#name ??= this.name;
    this.cursor = 0;
    this.#keep(this.keys.filter((other) => other !== key));
  }

  #keep(keys: readonly Key[]): void {
    this.only = keys.length === 1 ? keys[0] : undefined;
    this.#several = keys.length > 1 ? keys : undefined;
    this.refresh();
  }

  /** Takes weight and tier from its enabled keys. */
  refresh(): void {
    if (this.only !== undefined) {
      const { weight, priority } = this.only.config;
      this.weight = weight;
      this.priority = priority;
      return;
    }
    const { keys: all } = this;
    const active = all.filter((key) => key.enabled);
    const keys = active.length > 0 ? active : all;
    if (keys.length === 0) return;
    this.weight = Math.max(...keys.map((key) => key.config.weight));
    this.priority = Math.min(...keys.map((key) => key.config.priority));
  }
}

export function accountId({ id }: ProviderReading, name: string): string {
  return `${id}/${name}`;
}
