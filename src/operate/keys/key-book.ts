import { mayBeSecret, unexpectedSecret } from "../../checks.ts";
import { InvalidOptionsError, KeySourceError } from "../../errors.ts";
import { createFingerprint } from "../../pool/keys/fingerprint.ts";
import type { Account, KeyPool, PooledKey } from "../../pool/keys/key-pool.ts";
import { type ResolvedKey, resolveKey, resolveKeys } from "../../pool/keys/key-source.ts";
import type { KeyRecord, KeySettings } from "../../pool/keys/key-store.ts";
import { ListedKeys } from "../../pool/keys/listed-keys.ts";
import type { ResolvedRotatorOptions } from "../../pool/rotator-options.ts";
import { atMost } from "../../pool/waiting/bounded-wait.ts";
import type { Awaitable, KeyConfig, KeyList } from "../../types.ts";
import { KeyLedger } from "./key-ledger.ts";
import * as records from "./key-records.ts";
import { type KeyChange, PoolSync } from "./pool-sync.ts";

/** A function that lists keys and takes longer has failed; the next request asks it anew. Milliseconds. */
const longestReadMs = 30_000;

export interface ReloadResult {
  readonly added: number;
  readonly removed: number;
  readonly kept: number;
  readonly touched: ReadonlySet<Account>;
}

type KeyBookOptions = Pick<ResolvedRotatorOptions, "keys" | "clock" | "idSecret" | "limits" | "keyStore" | "keyOwner">;

export interface KeyBookListeners {
  readonly storeFailed: (error: unknown) => void;
  /** Somebody else changed keys in the key store. */
  readonly othersChanged: (changes: readonly KeyChange[]) => void;
}

/** Keys by their secret, and by the fingerprint of the one that nobody kept. */
export interface KeyIndex {
  readonly bySecret: ReadonlyMap<KeyConfig["secret"], PooledKey>;
  readonly lacking: ReadonlyMap<string, PooledKey>;
}

const nobodyListens: KeyBookListeners = { storeFailed: () => {}, othersChanged: () => {} };

/** Which keys there are, and how that changes: those the source lists, with what operators said of them laid over it. */
export class KeyBook {
  readonly ledger: KeyLedger;
  readonly fingerprint: (secret: string) => string;
  readonly #options: KeyBookOptions;
  readonly #listed: ListedKeys;
  readonly #sync: PoolSync;
  /** What operators asked for before the source was first read. */
  #postponed: (() => void)[] = [];
  /** The first read of a key store that takes its time. */
  #opening: Promise<void> | undefined;
  loaded = false;

  constructor(options: KeyBookOptions, { storeFailed, othersChanged }: KeyBookListeners = nobodyListens) {
    const { keyStore: store, keyOwner: owner, clock, idSecret } = options;
    this.#options = options;
    const fingerprint = createFingerprint(idSecret);
    this.fingerprint = fingerprint;
    const changed = (ids: ReadonlySet<string>): void => {
      if (this.loaded) othersChanged(this.#followAll(ids));
    };
    this.ledger = new KeyLedger({ store, owner, clock, failed: storeFailed, changed });
    this.#listed = new ListedKeys(fingerprint);
    const { ledger } = this;
    this.#sync = new PoolSync({ ledger, listed: this.#listed, fingerprint, clock, failed: storeFailed });
    this.pool.noteLimits(options.limits);
  }

  get pool(): KeyPool {
    return this.#sync.pool;
  }

  /**
   * Begins with keys that are there already, unless the key store takes its time.
   * @throws InvalidOptionsError for what cannot be a list of keys, and a store with another provider's; KeyStoreError when the store
   * cannot be read.
   */
  open(): void {
    const { keys } = this.#options;
    if (typeof keys === "function") return;
    const wanted = this.#resolved(keys);
    const opening = this.ledger.load();
    if (opening instanceof Promise) {
      this.#opening = opening;
      opening.catch(() => {});
    } else this.#takeList(wanted);
  }

  /** Keeps a change for the moment the source is first read. Returns whether that is still to come. */
  postpone(change: () => void): boolean {
    if (!this.loaded) this.#postponed.push(change);
    return !this.loaded;
  }

  /**
   * Reads the source again, and what operators changed elsewhere.
   * @throws KeySourceError when the source fails or lists nothing usable; the keys there were stay. KeyStoreError when the key
   * store could not be read yet.
   */
  async reload(): Promise<ReloadResult> {
    if (this.loaded) await this.ledger.refresh();
    else await this.#openLedger();
    const source = this.#options.keys;
    let list: KeyList | undefined;
    try {
      list = typeof source === "function" ? await this.#read(source) : source;
    } catch (cause) {
      throw new KeySourceError("The function that lists the keys failed.", { cause });
    }
    try {
      return this.#takeList(this.#resolved(list));
    } catch (cause) {
      if (!this.loaded && cause instanceof InvalidOptionsError) throw cause;
      throw new KeySourceError("The function that lists the keys returned something unusable.", { cause });
    }
  }

  /** The key that has this id or this secret, or had it and lost it. */
  ownerOf({ id, secret }: ResolvedKey, index?: KeyIndex): PooledKey | undefined {
    const known = this.pool.keys.get(id);
    if (known !== undefined) return known;
    if (index === undefined) return this.#findKey((key) => key.config.secret === secret || this.lacks(key, secret));
    const owner = index.bySecret.get(secret);
    if (owner !== undefined || typeof secret !== "string" || index.lacking.size === 0) return owner;
    return index.lacking.get(this.fingerprint(secret));
  }

  /** Is this the secret of a key that nobody kept? */
  lacks(key: PooledKey, secret: KeyConfig["secret"]): boolean {
    if (key.secret.isKnown || typeof secret !== "string") return false;
    return this.ledger.get(key.id)?.fingerprint === this.fingerprint(secret);
  }

  /** Answers for many questions what a look at every key answers for one. */
  index(): KeyIndex {
    const bySecret = new Map<KeyConfig["secret"], PooledKey>();
    const lacking = new Map<string, PooledKey>();
    for (const key of this.pool.keys.values()) {
      if (key.secret.isKnown) bySecret.set(key.config.secret, key);
      else lacking.set(this.ledger.get(key.id)?.fingerprint ?? "", key);
    }
    return { bySecret, lacking };
  }

  /** Takes in a key an operator gives, or the secret of one that is remembered without. */
  give(config: ResolvedKey, owner?: PooledKey): KeyChange | undefined {
    const { id } = owner ?? config;
    const batch = (owner === undefined ? undefined : this.ledger.get(id)?.batch) ?? config.batch;
    const key = { ...config, id, batch };
    this.#sync.given.set(id, key);
    const ordinal = this.pool.ordinalOf(id);
    this.ledger.note([records.given(records.operatorRecord(key, ordinal, this.fingerprint, this.ledger.keepsSecrets))]);
    return this.#sync.follow(id);
  }

  remove(key: PooledKey): KeyChange | undefined {
    this.ledger.note([records.removed(this.recordOf(key))]);
    this.#sync.given.delete(key.id);
    this.#sync.replacements.delete(key.id);
    return this.#sync.follow(key.id);
  }

  set(key: PooledKey, settings: KeySettings): KeyChange | undefined {
    this.ledger.note([records.set(this.recordOf(key), settings)]);
    return this.#sync.follow(key.id);
  }

  /** @throws InvalidOptionsError for a secret that cannot be one, or that another key has. */
  replaceSecret(key: PooledKey, secret: KeyConfig["secret"]): KeyChange | undefined {
    const config = resolveKey("key", { secret, id: key.id }, this.fingerprint);
    const owner = this.#findKey((other) => other !== key && other.config.secret === config.secret);
    if (owner !== undefined) {
      const whose = this.#hasTellingId(owner) ? `that of the key \`${owner.id}\`` : "that of another one";
      throw unexpectedSecret("key.secret", "a secret that no other key has", whose);
    }
    const { id } = key;
    const record = this.recordOf(key);
    const listed = record.addedBy === "source" ? this.#listed.get(id) : undefined;
    const replaces = listed === undefined ? undefined : records.fingerprintOf(listed.secret, this.fingerprint);
    if (listed === undefined)
      this.#sync.given.set(id, { ...(this.#sync.given.get(id) ?? key.config), secret: config.secret });
    else this.#sync.replacements.set(id, config.secret);
    const whole = listed === undefined ? { ...key.config, secret: config.secret } : config;
    const credential = this.ledger.keepsSecrets ? records.credentialOf(whole) : undefined;
    const print = records.fingerprintOf(config.secret, this.fingerprint);
    this.ledger.note([records.replaced(record, print, credential, replaces)]);
    return this.#sync.follow(id);
  }

  /** Begins a new list with these keys of the pool; all others leave. */
  beginList(ids: readonly string[]): readonly KeyChange[] {
    const wanted = ids.flatMap((id) => this.pool.keys.get(id) ?? []);
    const staying = new Set(wanted);
    const leaving = new Set([...this.pool.keys.values()].filter((key) => !staying.has(key)).map(({ id }) => id));
    const isListed = (id: string): boolean => this.#listed.get(id) !== undefined;
    for (const id of leaving) this.#sync.given.delete(id);
    const known = wanted.map((key) => this.recordOf(key));
    const former = [...leaving].map((id) => this.recordOf(this.pool.keys.get(id) as PooledKey));
    this.ledger.note([records.listBegun(known, former, isListed)]);
    const changes = this.#followAll(leaving);
    this.pool.beginOrdinals(this.#ordinals());
    records.renumber(wanted, this.ledger);
    return changes;
  }

  /** What is or would be remembered of a key. */
  recordOf(key: PooledKey): KeyRecord {
    return this.ledger.get(key.id) ?? records.sourceRecord(key.config, key.ordinal, this.fingerprint);
  }

  /** Where operators bring keys, a list may begin empty. */
  #resolved(list: KeyList | undefined): ResolvedKey[] {
    const isEmpty = Array.isArray(list) && list.length === 0;
    return isEmpty && this.#options.keyStore !== undefined ? [] : resolveKeys(list, this.fingerprint);
  }

  #openLedger(): Awaitable<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    return opening ?? this.ledger.load();
  }

  #read(source: () => Awaitable<KeyList>): Promise<KeyList> {
    const late = (): Error => new DOMException(`No answer within ${longestReadMs} ms`, "TimeoutError");
    return atMost(Promise.resolve(source()), longestReadMs, this.#options.clock, late);
  }

  /** Makes the pool hold exactly the list's keys and those of operators; keys that stay keep their state. */
  #takeList(wanted: readonly ResolvedKey[]): ReloadResult {
    const outdated = this.#listed.take(wanted, this.ledger.records);
    for (const { id, fingerprint } of outdated) {
      this.#sync.replacements.delete(id);
      this.ledger.note([records.unreplaced(id, fingerprint)]);
    }
    this.pool.noteOrdinals(this.#ordinals());
    const before = new Set(this.pool.keys.keys());
    const touched = new Set<Account>();
    const follow = (id: string): void => {
      for (const account of this.#sync.follow(id, true)?.touched ?? []) touched.add(account);
    };
    for (const id of before) if (this.#sync.target(id) === undefined) follow(id);
    for (const id of this.#allIds()) follow(id);
    this.#noteListed();
    records.renumber(this.pool.keys.values(), this.ledger);
    this.loaded = true;
    this.#makePostponed();
    const listed = [...this.#listed.ids].filter((id) => this.pool.keys.has(id));
    const added = listed.filter((id) => !before.has(id)).length;
    const removed = [...before].filter((id) => !this.pool.keys.has(id)).length;
    return { added, removed, kept: listed.length - added, touched };
  }

  #makePostponed(): void {
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const change of postponed) {
      try {
        change();
      } catch {
        // A store that throws is no reason for the keys not to be there.
      }
    }
  }

  /** Every key that may be in the pool, in the order of their numbers; what has none yet comes last. */
  #allIds(): readonly string[] {
    const ids = new Set(this.#listed.ids);
    for (const { id, addedBy } of this.ledger.records) if (addedBy === "operator") ids.add(id);
    for (const id of this.#sync.given.keys()) ids.add(id);
    const place = (id: string): number => this.ledger.get(id)?.ordinal ?? Number.MAX_SAFE_INTEGER;
    return this.ledger.isKept ? [...ids].sort((one, other) => place(one) - place(other)) : [...ids];
  }

  #noteListed(): void {
    if (!this.ledger.isKept) return;
    const changes = [...this.#listed.keys].flatMap((config) => {
      const key = this.pool.keys.get(config.id);
      if (key === undefined) return [];
      const record = records.sourceRecord(config, key.ordinal, this.fingerprint);
      return records.isNews(record, this.ledger.get(config.id)) ? [records.seen(record)] : [];
    });
    if (changes.length > 0) this.ledger.note(changes);
  }

  *#ordinals(): Generator<readonly [id: string, ordinal: number]> {
    for (const { id, ordinal } of this.ledger.records) if (ordinal !== null) yield [id, ordinal];
  }

  #followAll(ids: Iterable<string>): readonly KeyChange[] {
    const place = (id: string): number => this.ledger.get(id)?.ordinal ?? 0;
    this.pool.noteOrdinals(this.#ordinals());
    const inOrder = [...ids].sort((one, other) => place(one) - place(other));
    const changes = inOrder.flatMap((id) => this.#sync.follow(id) ?? []);
    records.renumber(this.pool.keys.values(), this.ledger);
    return changes;
  }

  #findKey(isWanted: (key: PooledKey) => boolean): PooledKey | undefined {
    for (const key of this.pool.keys.values()) if (isWanted(key)) return key;
    return undefined;
  }

  /** An id that somebody made of a secret is in no message. */
  #hasTellingId({ id, secret }: PooledKey): boolean {
    return id === secret.fingerprint || !mayBeSecret(id);
  }
}
