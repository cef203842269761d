import type { ProviderReading } from "../../judgement/provider-reading.ts";
import { countsTokens, type LimitTemplate } from "../../limits/limits.ts";
import { isMapping } from "../../limits/model-names.ts";
import type { ObservedKey } from "../../ports.ts";
import type { AccountTerms } from "./account.ts";
import { Accounts, type PoolTerms } from "./accounts.ts";
import { KeyIndex, Ordinals } from "./key-index.ts";
import { KeySecret, type SecretParts } from "./key-secret.ts";
import { type KeyTraits, type ListedKey, plainTraits, type ResolvedKey } from "./key-source.ts";
import { type Account, type KeyEntry, PooledKey } from "./pooled-key.ts";

/**
 * All keys and accounts, by name and by slot. Knows nothing of time or readiness. The account of a key that was given as nothing
 * but a secret is made when somebody first asks for it: until then there is its slot, and the secret in the list.
 */
export class KeyPool extends Accounts {
  override readonly keys = new KeyIndex(() => this.#inOrder());
  readonly #terms: PoolTerms;
  readonly #secrets: SecretParts;
  /** What the list held in the beginning: a secret alone is the key of the slot that is its place. */
  #listed: readonly ListedKey[] = [];
  #entry: KeyEntry | undefined;
  readonly #ordinals = new Ordinals();
  /** Is any key meant for certain models only? */
  hasModelRules = false;
  /** Has any key names of its own for models? */
  renamesModels = false;
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
  /** Does any leave from an address of its own? */
  hasOwnEgress = false;
  #endpoints: readonly URL[] | undefined = undefined;
  /** Told of keys that come and go; set by whoever observes them. */
  watcher: ((what: "keyAdded" | "keyRemoved", key: ObservedKey) => void) | undefined = undefined;

  constructor(terms: PoolTerms, secrets: SecretParts) {
    super(terms);
    this.#terms = terms;
    this.#secrets = secrets;
  }

  /** Takes in the first keys; nobody is told. */
  begin(listed: readonly ListedKey[], addedAt: number): void {
    const entry = this.#entryAt(addedAt, true);
    this.#listed = listed;
    this.#entry = entry;
    this.beginAccounts(listed.length);
    const { ownProvider } = this.#terms;
    for (let place = 0; place < listed.length; place++) {
      const key = listed[place] as ListedKey;
      if (typeof key !== "string") this.#enterGiven(key, entry);
      else if (this.isNamedLikeKey) this.#enterNamed(key, entry);
      // Where several keys have one account, slots and places in the list part.
      else if (this.positions !== place) this.#enterPlain(key, this.termsFor(ownProvider), entry);
      else this.#expect(ownProvider);
    }
    this.endAccounts();
  }

  add(config: ResolvedKey, addedAt = 0): PooledKey {
    const key = this.#enter(config.id, config, this.secretOf(config.secret), this.#entryAt(addedAt));
    key.account.refresh();
    this.watcher?.("keyAdded", key.shown);
    return key;
  }

  #entryAt(addedAt: number, isFirst = false): KeyEntry {
    const idOf = (key: PooledKey): string => {
      const id = key.secret.fingerprint as string;
      this.keys.onNamed(id, key);
      return id;
    };
    return { addedAt, isFirst, idOf };
  }

  #enter(id: string, config: KeyTraits, secret: KeySecret, entry: KeyEntry): PooledKey {
    const key = this.#made(id, config, secret, entry);
    this.keys.add(id, key);
    return key;
  }

  #made(id: string, config: KeyTraits, secret: KeySecret, entry: KeyEntry): PooledKey {
    const account = this.accountFor(config.route?.provider ?? this.#terms.ownProvider, config.account, id);
    const key = new PooledKey(account, this.#ordinals.for(id), config, id, secret, entry);
    account.join(key);
    this.noteRules(config);
    return key;
  }

  /** One of a list. It is found by its id at once where its account goes by that, otherwise when somebody asks. */
  #enterGiven(key: ResolvedKey, entry: KeyEntry): void {
    const made = this.#made(key.id, key, this.secretOf(key.secret), entry);
    if (key.account === undefined) this.keys.add(key.id, made);
    else this.keys.expect(true);
  }

  /** The key of the next slot is made when somebody asks. */
  #expect(provider: ProviderReading): void {
    this.expectAccount(provider);
    this.keys.expect(false);
    this.#ordinals.take(1);
  }

  /** A key of which nothing is said but its secret, among others of which more is. */
  #enterPlain(secret: string, terms: AccountTerms, entry: KeyEntry): void {
    const account = this.place(terms, undefined);
    const own = this.secretOf(secret);
    account.join(new PooledKey(account, this.#ordinals.take(1), plainTraits, undefined, own, entry));
    this.keys.expect(false);
  }

  /** The same, where its name has to be known. */
  #enterNamed(secret: string, entry: KeyEntry): void {
    const own = this.secretOf(secret);
    this.#enter(own.fingerprint as string, plainTraits, own, entry);
  }

  /** The key that the list has at this place. */
  protected override join(account: Account): void {
    const { slot } = account;
    const secret = this.secretOf(this.#listed[slot] as string);
    account.join(new PooledKey(account, slot + 1, plainTraits, undefined, secret, this.#entry as KeyEntry));
  }

  /** A key's secret, as this pool names them. */
  secretOf(secret: ResolvedKey["secret"]): KeySecret {
    return new KeySecret(secret, this.#secrets);
  }

  #inOrder(): Iterable<PooledKey> {
    const keys: PooledKey[] = [];
    for (const account of this.accounts) keys.push(...account.keys);
    return keys.sort((one, other) => one.ordinal - other.ordinal);
  }

  protected override noteLimits(limits: readonly LimitTemplate[] | undefined): void {
    for (const limit of limits ?? []) {
      this.countsTokens ||= countsTokens(limit.dimension);
      this.countsConcurrency ||= limit.dimension === "concurrency";
      this.countsTogether ||= limit.dimension === "concurrency" && limit.scope === "ip";
      if ((limit.models !== undefined || limit.perModel) && !this.modelLimits.includes(limit))
        this.modelLimits.push(limit);
    }
  }

  /** Base URLs that keys bring along, each once. */
  get endpoints(): readonly URL[] {
    this.#endpoints ??= this.hasOwnEndpoints ? this.#findEndpoints() : [];
    return this.#endpoints;
  }

  #findEndpoints(): readonly URL[] {
    const endpoints = new Map<string, URL>();
    for (const { config } of this.keys.values()) {
      const base = config.route?.baseURL;
      if (base !== undefined) endpoints.set(base.href, base);
    }
    return [...endpoints.values()];
  }

  /** A key that has none of its own; `undefined`: each has one. */
  get withoutEndpoint(): PooledKey | undefined {
    for (const key of this.keys.values()) if (key.config.route?.baseURL === undefined) return key;
    return undefined;
  }

  noteRules(config: KeyTraits): void {
    this.noteLimits(config.limits);
    if (config.route !== undefined) this.#endpoints = undefined;
    if (config.models !== undefined) {
      this.hasModelRules = true;
      this.renamesModels ||= isMapping(config.models);
    }
    this.hasOwnEndpoints ||= config.route?.baseURL !== undefined;
    this.hasOwnEgress ||= config.route?.egress !== undefined;
  }

  /** Takes a key out; returns its account, which may be left without keys and is then gone from the pool. */
  remove(key: PooledKey): Account {
    const account = this.#leave(key);
    this.watcher?.("keyRemoved", key.shown);
    return account;
  }

  #leave(key: PooledKey): Account {
    const { account } = key;
    if (key.config.route !== undefined) this.#endpoints = undefined;
    this.keys.delete(key);
    this.#ordinals.keep(key.id, key.ordinal);
    account.leave(key);
    if (account.keys.length === 0) this.drop(account);
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
}
