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
  // What every pick looks at comes first: of a large pool an account is not in the cache, and these are in one line of it.
  readonly provider: ProviderReading;
  readonly slot: number;
  /** The key of an account that has just one, as most have: spares the way over the list. */
  only: Key | undefined = undefined;
  /** Requests and probes under way; written by `Readiness`, which counts them for all. */
  inFlight = 0;
  /** Requests given to its keys; counted by them. */
  used = 0;
  readonly position: number;
  /** Limits that hold for each of its keys. */
  readonly limits: readonly LimitTemplate[];
  #several: Key[] | undefined = undefined;
  #name: string | undefined;
  #id: string | undefined = undefined;
  weight = 1;
  priority = 0;
  /** Which of its keys comes next. */
  cursor = 0;
  /** Models of this account that were put into cooldown on their own. */
  coolingModels: Set<string> | undefined = undefined;

  /** @param name `undefined`: that of its one key */
  constructor(terms: AccountTerms, name: string | undefined, slot: number, position: number) {
    this.provider = terms.provider;
    this.limits = terms.limits;
    this.#name = name;
    this.slot = slot;
    this.position = position;
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

  /** Takes a key in; whoever takes in several looks at their weights at the end. */
  join(key: Key): void {
    const { only } = this;
    if (this.#several !== undefined) this.#several.push(key);
    else if (only === undefined) this.#keepOnly(key);
    else {
      // Whoever joins has said the name.
      this.#name ??= only.id;
      this.#several = [only, key];
      this.only = undefined;
    }
  }

  leave(key: Key): void {
    this.#name ??= this.name;
    this.cursor = 0;
    const left = this.keys.filter((other) => other !== key);
    this.#several = left.length > 1 ? left : undefined;
    this.only = undefined;
    if (left.length === 1) this.#keepOnly(left[0] as Key);
    else this.refresh();
  }

  #keepOnly(key: Key): void {
    this.only = key;
    this.weight = key.config.weight;
    this.priority = key.config.priority;
  }

  /** Takes weight and tier from its enabled keys. */
  refresh(): void {
    if (this.only !== undefined) this.#keepOnly(this.only);
    else if (this.#several !== undefined) this.#refreshFrom(this.#several);
  }

  #refreshFrom(keys: readonly Key[]): void {
    const isAnyEnabled = keys.some(({ enabled }) => enabled);
    let most = 0;
    let first = Number.POSITIVE_INFINITY;
    for (const { enabled, config } of keys) {
      if (isAnyEnabled && !enabled) continue;
      most = Math.max(most, config.weight);
      first = Math.min(first, config.priority);
    }
    this.weight = most;
    this.priority = first;
  }
}

function accountId({ id }: ProviderReading, name: string): string {
  return `${id}/${name}`;
}
