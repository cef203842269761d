import { mayBeSecret, unexpectedSecret } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { KeyChange, KeyOverrides, KeyRegistry } from "../../pool/keys/key-registry.ts";
import { type KeySettings, type ResolvedKey, resolveKey } from "../../pool/keys/key-source.ts";
import type { KeyRecord } from "../../pool/keys/key-store.ts";
import type { PooledKey } from "../../pool/keys/pooled-key.ts";
import type { Awaitable, KeyConfig } from "../../types.ts";
import { type JournalOptions, OverrideJournal } from "./override-journal.ts";
import * as records from "./override-records.ts";

/** Keys by their secret, and by the fingerprint of the one that nobody kept. */
export interface KeyIndex {
  readonly bySecret: ReadonlyMap<KeyConfig["secret"], PooledKey>;
  readonly lacking: ReadonlyMap<string, PooledKey>;
}

/** What became of a key an operator gives. */
export interface Admission {
  readonly id: string;
  /** `taken`: its id is that of a key with another secret; `regained`: its secret is known again. */
  readonly outcome: "created" | "existed" | "regained" | "taken";
  readonly change: KeyChange | undefined;
}

export interface OverridesOptions extends Omit<JournalOptions, "changed"> {
  /** Somebody else changed keys in the key store. */
  readonly othersChanged: (changes: readonly KeyChange[]) => void;
}

/** What operators said of keys, in this process and in those that share its key store, and what follows for each key. */
export class OperatorOverrides implements KeyOverrides {
  readonly #registry: KeyRegistry;
  readonly #journal: OverrideJournal;
  readonly #failed: (error: unknown) => void;
  /** Keys as operators gave them to this process. */
  readonly #given = new Map<string, ResolvedKey>();
  /** Secrets they gave in place of those the source lists. */
  readonly #replacements = new Map<string, KeyConfig["secret"]>();

  constructor(registry: KeyRegistry, { othersChanged, ...options }: OverridesOptions) {
    this.#registry = registry;
    this.#failed = options.failed;
    const changed = (ids: ReadonlySet<string>): void => {
      if (registry.isLoaded) othersChanged(this.#followAll(ids));
    };
    this.#journal = new OverrideJournal({ ...options, changed });
  }

  get isKept(): boolean {
    return this.#journal.isKept;
  }

  load(): Awaitable<void> {
    return this.#journal.load();
  }

  refresh(): Promise<void> {
    return this.#journal.refresh();
  }

  /** @throws KeyStoreError when changes cannot be stored; that is tried again later. */
  flushed(): Promise<void> {
    return this.#journal.flushed();
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  offReason(id: string): string | undefined {
    return this.#journal.get(id)?.settings.disabledReason;
  }

  *ordinals(): Generator<readonly [id: string, ordinal: number]> {
    for (const { id, ordinal } of this.#journal.records) if (ordinal !== null) yield [id, ordinal];
  }

  idsWith(listed: ReadonlyMap<string, ResolvedKey>): Iterable<string> {
    const ids = new Set(listed.keys());
    for (const { id, addedBy } of this.#journal.records) if (addedBy === "operator") ids.add(id);
    for (const id of this.#given.keys()) ids.add(id);
    return this.isKept ? this.#inOrder(ids, Number.MAX_SAFE_INTEGER) : ids;
  }

  /** A secret that operators know under an id of its own keeps that, unless the list has a key of this id too. */
  identified(wanted: readonly ResolvedKey[]): readonly ResolvedKey[] {
    const ids = new Map<string, string>();
    for (const { id, fingerprint, addedBy, removed, replaces } of this.#journal.records) {
      const isOperators = addedBy === "operator" || removed || replaces !== undefined;
      if (isOperators && fingerprint !== null) ids.set(fingerprint, id);
    }
    const own = new Set(wanted.map(({ id }) => id));
    const identified = wanted.map((key) => {
      const print = ids.size === 0 ? null : this.#printOf(key.secret);
      const id = print === null ? undefined : ids.get(print);
      return id === undefined || own.has(id) ? key : { ...key, id };
    });
    this.#endReplacements(identified);
    return identified;
  }

  target(id: string, listed: ResolvedKey | undefined): ResolvedKey | undefined {
    const record = this.#journal.get(id);
    if (record?.removed) return undefined;
    const base = record?.addedBy === "operator" ? this.#givenFor(record, listed) : (this.#given.get(id) ?? listed);
    if (base === undefined || record === undefined) return base;
    const key = records.withSettings(base, record.settings);
    if (record.replaces === undefined) return key;
    return { ...key, secret: record.given?.secret ?? this.#replacements.get(id) ?? key.secret };
  }

  followed(listed: ReadonlyMap<string, ResolvedKey>): void {
    if (this.isKept) {
      const news = [...listed.values()].flatMap((config) => {
        const key = this.#registry.pool.keys.get(config.id);
        if (key === undefined) return [];
        const record = records.sourceRecord(config, key.ordinal, this.#registry.fingerprint);
        return records.seen(record, this.#journal.get(config.id)) ?? [];
      });
      if (news.length > 0) this.#journal.note(news);
    }
    this.#renumber(this.#registry.pool.keys.values());
  }

  /** Keys by their secrets: answers for many questions what a look at every key answers for one. */
  index(): KeyIndex {
    const bySecret = new Map<KeyConfig["secret"], PooledKey>();
    const lacking = new Map<string, PooledKey>();
    for (const key of this.#registry.pool.keys.values()) {
      if (key.secret.isKnown) bySecret.set(key.source, key);
      else lacking.set(this.#journal.get(key.id)?.fingerprint ?? "", key);
    }
    return { bySecret, lacking };
  }

  /** Takes in a key an operator gives, or the secret of one that is remembered without. One that is there is left as it is. */
  admit(config: ResolvedKey, index?: KeyIndex): Admission {
    const owner = this.#ownerOf(config, index);
    const id = owner?.id ?? config.id;
    if (owner !== undefined) {
      if (owner.source === config.secret) return { id, outcome: "existed", change: undefined };
      if (!this.#lacks(owner, config.secret)) return { id, outcome: "taken", change: undefined };
    }
    const { pool, fingerprint } = this.#registry;
    const batch = (owner === undefined ? undefined : this.#journal.get(id)?.batch) ?? config.batch;
    const key = { ...config, id, batch };
    this.#given.set(id, key);
    const record = records.operatorRecord(key, pool.ordinalOf(id), fingerprint, this.#journal.keepsSecrets);
    this.#journal.note([records.given(record)]);
    const change = this.#registry.follow(id);
    return { id, outcome: owner === undefined ? "created" : "regained", change };
  }

  remove(key: PooledKey): KeyChange | undefined {
    this.#journal.note([records.removed(this.#recordOf(key))]);
    this.#given.delete(key.id);
    this.#replacements.delete(key.id);
    return this.#registry.follow(key.id);
  }

  set(key: PooledKey, settings: KeySettings): KeyChange | undefined {
    this.#journal.note([records.set(this.#recordOf(key), settings)]);
    return this.#registry.follow(key.id);
  }

  /** @throws InvalidOptionsError for a secret that cannot be one, or that another key has. */
  replaceSecret(key: PooledKey, secret: KeyConfig["secret"]): KeyChange | undefined {
    const { id } = key;
    const config = resolveKey("key", { secret, id }, this.#registry.fingerprint);
    const owner = this.#findKey((other) => other !== key && other.source === config.secret);
    if (owner !== undefined) {
      const whose = hasTellingId(owner) ? `that of the key \`${owner.id}\`` : "that of another one";
      throw unexpectedSecret("key.secret", "a secret that no other key has", whose);
    }
    const record = this.#recordOf(key);
    const listed = record.addedBy === "source" ? this.#registry.listed(id) : undefined;
    const replaces = listed === undefined ? undefined : this.#printOf(listed.secret);
    if (listed === undefined) this.#given.set(id, { ...(this.#given.get(id) ?? key.resolved), secret: config.secret });
    else this.#replacements.set(id, config.secret);
    const whole = listed === undefined ? { ...key.resolved, secret: config.secret } : config;
    const credential = this.#journal.keepsSecrets ? records.credentialOf(whole) : undefined;
    this.#journal.note([records.replaced(record, this.#printOf(config.secret), credential, replaces)]);
    return this.#registry.follow(id);
  }

  /** Begins a new list with these keys of the pool; all others leave. */
  beginList(ids: readonly string[]): readonly KeyChange[] {
    const { pool } = this.#registry;
    const staying = new Set(ids.flatMap((id) => pool.keys.get(id) ?? []));
    const leaving = [...pool.keys.values()].filter((key) => !staying.has(key));
    for (const { id } of leaving) this.#given.delete(id);
    const known = [...staying].map((key) => this.#recordOf(key));
    const former = leaving.map((key) => this.#recordOf(key));
    this.#journal.note([records.listBegun(known, former, (id) => this.#registry.listed(id) !== undefined)]);
    const changes = this.#followAll(leaving.map(({ id }) => id));
    pool.beginOrdinals(this.ordinals());
    this.#renumber(staying);
    return changes;
  }

  /** The key that has this id or this secret, or had it and lost it. */
  #ownerOf({ id, secret }: ResolvedKey, index?: KeyIndex): PooledKey | undefined {
    const known = this.#registry.pool.keys.get(id);
    if (known !== undefined) return known;
    if (index === undefined) return this.#findKey((key) => key.source === secret || this.#lacks(key, secret));
    const owner = index.bySecret.get(secret);
    if (owner !== undefined || typeof secret !== "string" || index.lacking.size === 0) return owner;
    return index.lacking.get(this.#registry.fingerprint(secret));
  }

  /** Is this the secret of a key that nobody kept? */
  #lacks(key: PooledKey, secret: KeyConfig["secret"]): boolean {
    if (key.secret.isKnown || typeof secret !== "string") return false;
    return this.#journal.get(key.id)?.fingerprint === this.#registry.fingerprint(secret);
  }

  /** What is or would be remembered of a key. */
  #recordOf(key: PooledKey): KeyRecord {
    const { fingerprint } = this.#registry;
    return this.#journal.get(key.id) ?? records.sourceRecord(key.resolved, key.ordinal, fingerprint);
  }

  /** What an operator gave, in this process or another; without its secret where nobody kept that. */
  #givenFor(record: KeyRecord, listed: ResolvedKey | undefined): ResolvedKey {
    const { id } = record;
    const { fingerprint } = this.#registry;
    const own = this.#given.get(id);
    if (record.given === undefined) return own ?? listed ?? records.keyOfRecord(record, fingerprint);
    if (own !== undefined && own.secret === record.given.secret) return own;
    try {
      const key = records.keyOfRecord(record, fingerprint);
      this.#given.set(id, key);
      return key;
    } catch (error) {
      if (!InvalidOptionsError.isInstance(error)) throw error;
      this.#failed(error);
      return own ?? listed ?? records.keyOfRecord({ ...record, given: undefined }, fingerprint);
    }
  }

  /** Of a key whose secret operators replaced the source's counts again once it lists another one, or gives theirs to another key. */
  #endReplacements(listed: readonly ResolvedKey[]): void {
    const replaced = [...this.#journal.records].filter(({ replaces }) => replaces !== undefined);
    if (replaced.length === 0) return;
    const prints = new Map(listed.map(({ id, secret }) => [id, this.#printOf(secret)] as const));
    const owners = new Map([...prints].map(([id, print]) => [print, id]));
    for (const { id, fingerprint, replaces } of replaced) {
      const now = prints.get(id);
      const owner = fingerprint === null ? undefined : owners.get(fingerprint);
      if (now === undefined || (now === replaces && (owner === undefined || owner === id))) continue;
      this.#replacements.delete(id);
      this.#journal.note([records.unreplaced(id, now)]);
    }
  }

  #followAll(ids: Iterable<string>): readonly KeyChange[] {
    const { pool } = this.#registry;
    pool.noteOrdinals(this.ordinals());
    const changes = this.#inOrder(ids, 0).flatMap((id) => this.#registry.follow(id) ?? []);
    this.#renumber(pool.keys.values());
    return changes;
  }

  /** @param unknown the place of what has no number */
  #inOrder(ids: Iterable<string>, unknown: number): string[] {
    const place = (id: string): number => this.#journal.get(id)?.ordinal ?? unknown;
    return [...ids].sort((one, other) => place(one) - place(other));
  }

  /** The numbers of the pool's keys, as the records have them. */
  #renumber(keys: Iterable<PooledKey>): void {
    for (const key of keys) key.ordinal = this.#journal.get(key.id)?.ordinal ?? key.ordinal;
  }

  #printOf(secret: KeyConfig["secret"]): string | null {
    return records.fingerprintOf(secret, this.#registry.fingerprint);
  }

  #findKey(isWanted: (key: PooledKey) => boolean): PooledKey | undefined {
    for (const key of this.#registry.pool.keys.values()) if (isWanted(key)) return key;
    return undefined;
  }
}

/** An id that somebody made of a secret is in no message. */
function hasTellingId({ id, secret }: PooledKey): boolean {
  return id === secret.fingerprint || !mayBeSecret(id);
}
