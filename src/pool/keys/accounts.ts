import type { ProviderReading } from "../../judgement/provider-reading.ts";
import type { LimitTemplate } from "../../limits/limits.ts";
import { type AccountTerms, QuotaGroup } from "./account.ts";
import { isFingerprint } from "./fingerprint.ts";
import type { ReadProvider } from "./key-config.ts";
import type { KeyIndex } from "./key-index.ts";
import type { Account, PooledKey } from "./pooled-key.ts";

/** Whose keys they are, and what holds for them. */
export interface PoolTerms {
  /** Whose keys are that name no provider of their own. */
  readonly ownProvider: ProviderReading;
  /** Where they go that have no endpoint of their own. */
  readonly home?: URL | undefined;
  /** May keys speak what others do not? */
  readonly isAnyProtocol?: boolean | undefined;
  /** Finds the provider that a key names. */
  readonly readProvider: ReadProvider;
  /** Limits that hold for every key of a provider. */
  readonly limitsOf: (provider: ProviderReading) => readonly LimitTemplate[];
}

/** What a provider's accounts have in common, and those of them that somebody gave a name: the others go by that of their key. */
interface NamedAccounts extends AccountTerms {
  readonly named: Map<string, Account>;
}

/**
 * Accounts by slot and by name, and what strategies ask of them. One that nobody has asked for is a slot and no more: whoever
 * keeps the list makes its key.
 */
export abstract class Accounts {
  abstract readonly keys: KeyIndex;
  readonly #terms: Pick<PoolTerms, "ownProvider" | "limitsOf">;
  /** By slot; `undefined`: not made yet, `null`: gone. */
  #bySlot: (Account | undefined | null)[] = [];
  /** Is there any account that somebody gave a name? */
  #isAnyNamed = false;
  /** Is there one whose name may be the id of a key that comes? */
  protected isNamedLikeKey = false;
  readonly #termsOf = new Map<ProviderReading, NamedAccounts>();
  #accountCount = 0;
  readonly #freeSlots: number[] = [];
  #positions = 0;
  /** Those whose keys there are, or were. */
  readonly providers: ProviderReading[] = [];
  /** How long accounts take to answer, while a strategy asks; set by whoever measures. */
  latency: { of(account: string): number } | undefined = undefined;

  constructor(terms: Pick<PoolTerms, "ownProvider" | "limitsOf">) {
    this.#terms = terms;
  }

  /** Gives an account that is asked for its key. */
  protected abstract join(account: Account): void;

  /** Limits of a provider that was not met before. */
  protected abstract noteLimits(limits: readonly LimitTemplate[] | undefined): void;

  /** Of all accounts, in the order in which they came. */
  *slots(): Generator<number> {
    if (this.#freeSlots.length === 0 && this.#positions === this.#bySlot.length) {
      for (let slot = 0; slot < this.#bySlot.length; slot++) yield slot;
    } else for (const { slot } of this.accounts) yield slot;
  }

  /** Makes all of them. */
  get accounts(): Iterable<Account> {
    const accounts: Account[] = [];
    const count = Math.min(this.#positions, this.#bySlot.length);
    for (let slot = 0; slot < count; slot++) {
      if (this.#bySlot[slot] !== null) accounts.push(this.accountAt(slot));
    }
    return accounts.sort((one, other) => one.position - other.position);
  }

  get accountCount(): number {
    return this.#accountCount;
  }

  /** Nobody has asked for this account yet: it has one key, of which nothing is said but its secret. */
  isUntouched(slot: number): boolean {
    return this.#bySlot[slot] === undefined;
  }

  accountAt(slot: number): Account {
    return this.#bySlot[slot] ?? this.#make(slot);
  }

  accountWith(id: string): Account | undefined {
    const end = id.indexOf("/");
    for (const terms of this.#termsOf.values()) {
      if (terms.provider.id.length === end && id.startsWith(terms.provider.id))
        return this.#find(terms, id.slice(end + 1));
    }
    return undefined;
  }

  #find(terms: NamedAccounts, name: string): Account | undefined {
    const named = terms.named.get(name);
    if (named !== undefined) return named;
    // A key whose name its account has was entered by it.
    const key = this.keys.entered.get(name) ?? (isFingerprint(name) ? this.keys.get(name) : undefined);
    const account = key?.account;
    return account?.provider.id === terms.provider.id && account.name === name ? account : undefined;
  }

  /** By the name a caller gives; where two providers have one of that name, by its id. */
  accountOf(name: string): Account | undefined {
    for (const terms of this.#termsOf.values()) {
      const account = this.#find(terms, name);
      if (account !== undefined) return account;
    }
    return this.accountWith(name);
  }

  /** How many came. */
  protected get positions(): number {
    return this.#positions;
  }

  protected beginAccounts(most: number): void {
    this.#bySlot = new Array(most);
  }

  protected endAccounts(): void {
    this.#bySlot.length = this.#positions;
    if (this.#isAnyNamed) for (const account of this.#bySlot) account?.refresh();
  }

  /** The account of the next slot is made when somebody asks. */
  protected expectAccount(provider: ProviderReading): void {
    if (this.providers.length === 0) this.termsFor(provider);
    this.#positions++;
    this.#accountCount++;
  }

  #make(slot: number): Account {
    const terms = this.termsFor(this.#terms.ownProvider);
    const account: Account = new QuotaGroup(terms, undefined, slot, slot);
    this.#bySlot[slot] = account;
    this.join(account);
    return account;
  }

  protected accountFor(provider: ProviderReading, name: string | undefined, keyId: string): Account {
    const terms = this.termsFor(provider);
    if (name === undefined) return (this.#isAnyNamed ? terms.named.get(keyId) : undefined) ?? this.place(terms, keyId);
    const account = this.#find(terms, name) ?? this.place(terms, name);
    terms.named.set(name, account);
    this.#isAnyNamed = true;
    this.isNamedLikeKey ||= isFingerprint(name);
    return account;
  }

  protected place(terms: AccountTerms, name: string | undefined): Account {
    const position = this.#positions++;
    const slot = this.#freeSlots.pop() ?? Math.min(position, this.#bySlot.length);
    const account: Account = new QuotaGroup(terms, name, slot, position);
    this.#bySlot[slot] = account;
    this.#accountCount++;
    return account;
  }

  protected termsFor(provider: ProviderReading): NamedAccounts {
    let terms = this.#termsOf.get(provider);
    if (terms === undefined) {
      // The same name at two providers is two accounts, at one that is given in two ways it is one.
      const like = [...this.#termsOf.values()].find((other) => other.provider.id === provider.id);
      terms = { provider, limits: this.#terms.limitsOf(provider), named: like?.named ?? new Map() };
      this.#termsOf.set(provider, terms);
      this.providers.push(provider);
      this.noteLimits(terms.limits);
    }
    return terms;
  }

  protected drop(account: Account): void {
    this.#termsOf.get(account.provider)?.named.delete(account.name);
    this.#bySlot[account.slot] = null;
    this.#freeSlots.push(account.slot);
    this.#accountCount--;
  }

  weight(slot: number): number {
    return this.#bySlot[slot]?.weight ?? 1;
  }

  position(slot: number): number {
    return this.#bySlot[slot]?.position ?? slot;
  }

  priority(slot: number): number {
    return this.#bySlot[slot]?.priority ?? 0;
  }

  inFlight(slot: number): number {
    return this.#bySlot[slot]?.inFlight ?? 0;
  }

  latencyMs(slot: number): number {
    const account = this.#bySlot[slot];
    return account === undefined || account === null ? 0 : (this.latency?.of(account.id) ?? 0);
  }

  lastUsedAt(slot: number): number {
    const account = this.#bySlot[slot];
    if (account === undefined || account === null) return 0;
    return account.only?.lastUsedAt ?? Math.max(...account.keys.map((key) => key.lastUsedAt));
  }

  view(slot: number) {
    const account = this.accountAt(slot);
    const key = account.keys.find((candidate) => candidate.enabled) ?? (account.keys[0] as PooledKey);
    return {
      id: key.id,
      account: account.name,
      provider: account.provider.provider.name,
      weight: account.weight,
      priority: account.priority,
      note: key.config.note,
      batch: key.config.batch,
      inFlight: account.inFlight,
      used: account.used,
    };
  }
}
