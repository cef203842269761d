import type { ProviderReading } from "../../judgement/provider-reading.ts";
import { countsTokens, type LimitTemplate } from "../../limits/limits.ts";
import type { ObservedKey } from "../../ports.ts";
import type { GroupFacts, ReadyKey } from "../strategies/strategy.ts";
import { isFingerprint } from "./fingerprint.ts";
import { KeyIndex } from "./key-index.ts";
import { KeySecret, type SecretParts } from "./key-secret.ts";
import { type KeyTraits, type ListedKey, plainTraits, type ResolvedKey } from "./key-source.ts";
import { Ordinals } from "./ordinals.ts";
import { Account, type AccountTerms, accountId, type KeyEntry, PooledKey } from "./pooled-key.ts";

/** Whose keys they are, and what holds for them. */
export interface PoolTerms {
  /** Whose all keys are that say nothing of it; `undefined`: it depends on the key. */
  readonly onlyProvider: ProviderReading | undefined;
  /** Whose key it is. */
  readonly providerOf: (key: Pick<ResolvedKey, "id">) => ProviderReading;
  /** Limits that hold for every key of a provider. */
  readonly limitsOf: (provider: ProviderReading) => readonly LimitTemplate[];
}

/**
 * All keys and accounts, by name and by slot. Knows nothing of time or readiness. The account of a key that was given as nothing
 * but a secret is made when somebody first asks for it: until then there is its slot, and the secret in the list.
 */
export class KeyPool implements GroupFacts {
  readonly keys = new KeyIndex(() => this.#inOrder());
  /** Those whose keys there are, or were. */
  readonly providers: ProviderReading[] = [];
  readonly #terms: PoolTerms;
  readonly #secrets: SecretParts;
  /** What the list held in the beginning: a secret alone is the key of the slot that is its place. */
  #listed: readonly ListedKey[] = [];
  #entry: KeyEntry | undefined;
  /** By slot; `undefined`: not made yet, `null`: gone. */
  #bySlot: (Account | undefined | null)[] = [];
  /** Accounts that somebody gave a name, by id; the others go by the name of their key. */
  readonly #named = new Map<string, Account>();
  /** Is there one whose name may be the id of a key that comes? */
  #isNamedLikeKey = false;
  readonly #termsOf = new Map<ProviderReading, AccountTerms>();
  #accountCount = 0;
  readonly #freeSlots: number[] = [];
  #positions = 0;
  readonly #ordinals = new Ordinals();
  /** Is any key meant for certain models only? */
  hasModelRules = false;
  /** Limits that count only some models, or each apart: requests for models they treat alike share a ready set. */
  readonly modelLimits: LimitTemplate[] = [];
  /** Does any limit count tokens? */
  countsTokens = false;
  /** Does any limit count requests under way? */
  countsConcurrency = false;
  /** Does one limit count requests under way with all keys? */
  countsTogether = false;
  /** Has any key an endpoint of its own? */
  hasOwnEndpoints = false;
  /** How long accounts take to answer, while a strategy asks; set by whoever measures. */
  latency: { of(account: string): number } | undefined = undefined;
  /** Told of keys that come and go; set by whoever observes them. */
  watcher: ((what: "keyAdded" | "keyRemoved", key: ObservedKey) => void) | undefined = undefined;

  constructor(terms: PoolTerms, secrets: SecretParts) {
    this.#terms = terms;
    this.#secrets = secrets;
  }

  /** Takes in the first keys; nobody is told. */
  begin(listed: readonly ListedKey[], addedAt: number): void {
    const entry = this.#entryAt(addedAt);
    this.#listed = listed;
    this.#entry = entry;
    this.#bySlot = new Array(listed.length);
    const { onlyProvider } = this.#terms;
    for (let place = 0; place < listed.length; place++) {
      const key = listed[place] as ListedKey;
      if (typeof key !== "string") this.#enter(key.id, key, this.#secretOf(key.secret), entry);
      else if (onlyProvider === undefined || this.#isNamedLikeKey) this.#enterNamed(key, entry);
      // Where several keys have one account, slots and places in the list part.
      else if (this.#positions !== place) this.#enterPlain(key, this.#termsFor(onlyProvider), entry);
      else this.#expect(onlyProvider);
    }
    this.#bySlot.length = this.#positions;
  }

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
    const named = this.#named.get(id);
    if (named !== undefined) return named;
    const account = this.keys.get(id.slice(id.indexOf("/") + 1))?.account;
    return account?.id === id ? account : undefined;
  }

  /** By the name a caller gives; where two providers have one of that name, by its id. */
  accountOf(name: string): Account | undefined {
    for (const provider of this.providers) {
      const account = this.accountWith(accountId(provider, name));
      if (account !== undefined) return account;
    }
    return this.accountWith(name);
  }

  add(config: ResolvedKey, addedAt = 0): PooledKey {
    const key = this.#enter(config.id, config, this.#secretOf(config.secret), this.#entryAt(addedAt));
    this.watcher?.("keyAdded", key.shown);
    return key;
  }

  #entryAt(addedAt: number): KeyEntry {
    const idOf = (key: PooledKey): string => {
      const id = key.secret.fingerprint as string;
      this.keys.onNamed(id, key);
      return id;
    };
    return { addedAt, idOf };
  }

  #enter(id: string, config: KeyTraits, secret: KeySecret, entry: KeyEntry): PooledKey {
    const account = this.#accountFor(this.#terms.providerOf({ id }), config.account, id);
    const key = new PooledKey(account, this.#ordinals.for(id), config, id, secret, entry);
    this.keys.add(id, key);
    account.join(key);
    this.noteRules(config);
    return key;
  }

  /** The key of the next slot is made when somebody asks. */
  #expect(provider: ProviderReading): void {
    if (this.providers.length === 0) this.#termsFor(provider);
    this.keys.expect();
    this.#ordinals.take(1);
    this.#positions++;
    this.#accountCount++;
  }

  /** A key of which nothing is said but its secret, among others of which more is. */
  #enterPlain(secret: string, terms: AccountTerms, entry: KeyEntry): void {
    const account = this.#place(terms, undefined);
    const own = this.#secretOf(secret);
    account.join(new PooledKey(account, this.#ordinals.take(1), plainTraits, undefined, own, entry));
    this.keys.expect();
  }

  /** The same, where its name has to be known. */
  #enterNamed(secret: string, entry: KeyEntry): void {
    const own = this.#secretOf(secret);
    this.#enter(own.fingerprint as string, plainTraits, own, entry);
  }

  /** Of the key that the list has at this place. */
  #make(slot: number): Account {
    const terms = this.#termsFor(this.#terms.onlyProvider as ProviderReading);
    const account = new Account(terms, undefined, slot, slot);
    const secret = this.#secretOf(this.#listed[slot] as string);
    account.join(new PooledKey(account, slot + 1, plainTraits, undefined, secret, this.#entry as KeyEntry));
    this.#bySlot[slot] = account;
    return account;
  }

  #secretOf(secret: ResolvedKey["secret"]): KeySecret {
    return new KeySecret(secret, this.#secrets);
  }

  #inOrder(): Iterable<PooledKey> {
    const keys: PooledKey[] = [];
    for (const account of this.accounts) keys.push(...account.keys);
    return keys.sort((one, other) => one.ordinal - other.ordinal);
  }

  #noteLimits(limits: readonly LimitTemplate[] | undefined): void {
    for (const limit of limits ?? []) {
      this.countsTokens ||= countsTokens(limit.dimension);
      this.countsConcurrency ||= limit.dimension === "concurrency";
      this.countsTogether ||= limit.dimension === "concurrency" && limit.scope === "ip";
      if ((limit.models !== undefined || limit.perModel) && !this.modelLimits.includes(limit))
        this.modelLimits.push(limit);
    }
  }

  noteRules(config: KeyTraits): void {
    this.#noteLimits(config.limits);
    this.hasModelRules ||= config.models !== undefined;
    this.hasOwnEndpoints ||= config.baseURL !== undefined;
  }

  /** Takes a key out; returns its account, which may be left without keys and is then gone from the pool. */
  remove(key: PooledKey): Account {
    const account = this.#leave(key);
    this.watcher?.("keyRemoved", key.shown);
    return account;
  }

  #leave(key: PooledKey): Account {
    const { account } = key;
    this.keys.delete(key);
    this.#ordinals.keep(key.id, key.ordinal);
    account.leave(key);
    if (account.keys.length === 0) this.#drop(account);
    return account;
  }

  /** The key in another account, with what is known of it. Returns both accounts. */
  move(key: PooledKey, config: KeyTraits): readonly [from: Account, to: Account] {
    const from = this.#leave(key);
    const moved = this.#enter(key.id, config, key.secret, this.#entryAt(key.addedAt));
    moved.continue(key);
    moved.account.refresh();
    return [from, moved.account];
  }

  /** Numbers given before, in this process or another: whoever comes back has the same one. */
  noteOrdinals(ordinals: Iterable<readonly [id: string, ordinal: number]>): void {
    for (const [id, ordinal] of ordinals) {
      if (!this.keys.has(id)) this.#ordinals.keep(id, ordinal);
      this.#ordinals.note(ordinal);
    }
  }

  /** Counts anew: these are the numbers given in the list that begins. */
  beginOrdinals(ordinals: Iterable<readonly [id: string, ordinal: number]>): void {
    this.#ordinals.beginAnew();
    this.noteOrdinals(ordinals);
  }

  /** The number a key has, or will have when it comes. */
  ordinalOf(id: string): number {
    const key = this.keys.get(id);
    if (key !== undefined) return key.ordinal;
    const ordinal = this.#ordinals.for(id);
    this.#ordinals.keep(id, ordinal);
    return ordinal;
  }

  #accountFor(provider: ProviderReading, name: string | undefined, keyId: string): Account {
    const terms = this.#termsFor(provider);
    if (name === undefined && this.#named.size === 0) return this.#place(terms, keyId);
    const id = accountId(provider, name ?? keyId);
    const known = name === undefined ? this.#named.get(id) : this.accountWith(id);
    const account = known ?? this.#place(terms, name ?? keyId);
    if (name !== undefined) {
      this.#named.set(id, account);
      this.#isNamedLikeKey ||= isFingerprint(name);
    }
    return account;
  }

  #place(terms: AccountTerms, name: string | undefined): Account {
    const position = this.#positions++;
    const slot = this.#freeSlots.pop() ?? Math.min(position, this.#bySlot.length);
    const account = new Account(terms, name, slot, position);
    this.#bySlot[slot] = account;
    this.#accountCount++;
    return account;
  }

  #termsFor(provider: ProviderReading): AccountTerms {
    let terms = this.#termsOf.get(provider);
    if (terms === undefined) {
      terms = { provider, limits: this.#terms.limitsOf(provider) };
      this.#termsOf.set(provider, terms);
      this.providers.push(provider);
      this.#noteLimits(terms.limits);
    }
    return terms;
  }

  #drop(account: Account): void {
    this.#named.delete(account.id);
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

  view(slot: number): ReadyKey {
    const account = this.accountAt(slot);
    const key = account.keys.find((candidate) => candidate.enabled) ?? (account.keys[0] as PooledKey);
    return {
      id: key.id,
      account: account.name,
      weight: account.weight,
      priority: account.priority,
      note: key.config.note,
      batch: key.config.batch,
      inFlight: account.inFlight,
      used: account.used,
    };
  }
}
