import { mayBeSecret, unexpectedSecret } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { KeyConfig } from "../../pool/keys/key-config.ts";
import type { KeyChange, KeyOverrides, KeyRegistry } from "../../pool/keys/key-registry.ts";
import { type KeySettings, type ResolvedKey, resolveKey } from "../../pool/keys/key-source.ts";
import type { GivenCredential, KeyRecord } from "../../pool/keys/key-store.ts";
import type { PooledKey } from "../../pool/keys/pooled-key.ts";
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
  readonly kept: OverrideJournal;
  readonly #registry: KeyRegistry;
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
    this.kept = new OverrideJournal({ ...options, changed });
  }

  offReason(id: string): string | undefined {
    return this.kept.get(id)?.settings.disabledReason;
  }

  ids(): Iterable<string> {
    const ids = new Set(this.#registry.listed.keys());
    for (const { id, addedBy } of this.kept.records) if (addedBy === "operator") ids.add(id);
    for (const id of this.#given.keys()) ids.add(id);
    return this.kept.isKept ? this.#inOrder(ids, Number.MAX_SAFE_INTEGER) : ids;
  }

  /** A secret that operators know under an id of its own keeps that, unless the list has a key of this id too. */
  identified(wanted: readonly ResolvedKey[]): readonly ResolvedKey[] {
    this.#registry.pool.noteOrdinals(this.#ordinals());
    const ids = new Map<string, string>();
    for (const { id, fingerprint, addedBy, removed, replaces } of this.kept.records) {
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

  target(id: string): ResolvedKey | undefined {
    const record = this.kept.get(id);
    if (record?.removed) return undefined;
    const base = record?.addedBy === "operator" ? this.#givenFor(record) : this.#ownOrListed(id);
    if (base === undefined || record === undefined) return base;
    const key = records.withSettings(base, record.settings);
    if (record.replaces === undefined) return key;
    return { ...key, secret: record.given?.secret ?? this.#replacements.get(id) ?? key.secret };
  }

  followed(): void {
    const { listed, pool, fingerprint } = this.#registry;
    if (this.kept.isKept) {
      const news = [...listed.values()].flatMap((config) => {
        const key = pool.keys.get(config.id);
        if (key === undefined) return [];
        return records.seen(records.sourceRecord(config, key.ordinal, fingerprint), this.kept.get(config.id));
      });
      if (news.length > 0) this.kept.note(news);
    }
    this.#renumber(pool.keys.values());
  }

  /** Keys by their secrets: answers for many questions what a look at every key answers for one. */
  index(): KeyIndex {
    const bySecret = new Map<KeyConfig["secret"], PooledKey>();
    const lacking = new Map<string, PooledKey>();
    for (const key of this.#registry.pool.keys.values()) {
      if (key.secret.isKnown) bySecret.set(key.source, key);
      else lacking.set(this.kept.get(key.id)?.fingerprint ?? "", key);
    }
    return { bySecret, lacking };
  }

  /** Takes in a key an operator gives, or the secret of one that is remembered without. One that is there is left as it is. */
  admit(config: ResolvedKey, index?: KeyIndex): Admission {
    const { pool, fingerprint } = this.#registry;
    const owner = this.#ownerOf(config, index);
    const id = owner?.id ?? config.id;
    if (owner !== undefined) {
      if (owner.source === config.secret) return { id, outcome: "existed", change: undefined };
      if (!this.#lacks(owner, config.secret)) return { id, outcome: "taken", change: undefined };
    }
    const batch = (owner === undefined ? undefined : this.kept.get(id)?.batch) ?? config.batch;
    const key = { ...config, id, batch };
    this.#given.set(id, key);
    const record = records.operatorRecord(key, pool.ordinalOf(id), fingerprint, this.#credentialOf(key));
    this.kept.note([records.given(record)]);
    const change = this.#registry.follow(id);
    return { id, outcome: owner === undefined ? "created" : "regained", change };
  }

  remove(key: PooledKey): KeyChange | undefined {
    this.#given.delete(key.id);
    this.#replacements.delete(key.id);
    return this.#change(key, records.removed(this.#recordOf(key)));
  }

  set(key: PooledKey, settings: KeySettings): KeyChange | undefined {
    const set = records.changed(this.#recordOf(key), (known) => ({ settings: { ...known.settings, ...settings } }));
    return this.#change(key, set);
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
    const fingerprint = this.#printOf(config.secret);
    const listed = record.addedBy === "source" ? this.#registry.listed.get(id) : undefined;
    if (listed === undefined) this.#given.set(id, { ...(this.#given.get(id) ?? key.resolved), secret: config.secret });
    else this.#replacements.set(id, config.secret);
    const given = this.#credentialOf(listed === undefined ? { ...key.resolved, secret: config.secret } : config);
    // What its source lists, where one does: that counts again once it lists another.
    const replaces = listed === undefined ? undefined : this.#printOf(listed.secret);
    return this.#change(
      key,
      records.changed(record, () => ({ fingerprint, given, replaces })),
    );
  }

  /** Begins a new list with these keys of the pool; all others leave. */
  beginList(ids: readonly string[]): readonly KeyChange[] {
    const { pool, listed } = this.#registry;
    const staying = new Set(ids.flatMap((id) => pool.keys.get(id) ?? []));
    const leaving = [...pool.keys.values()].filter((key) => !staying.has(key));
    for (const { id } of leaving) this.#given.delete(id);
    const known = [...staying].map((key) => this.#recordOf(key));
    const former = leaving.map((key) => this.#recordOf(key));
    this.kept.note([records.listBegun(known, former, (id) => listed.has(id))]);
    const changes = this.#followAll(leaving.map(({ id }) => id));
    pool.beginOrdinals(this.#ordinals());
    this.#renumber(staying);
    return changes;
  }

  #change(key: PooledKey, change: records.RecordChange): KeyChange | undefined {
    this.kept.note([change]);
    return this.#registry.follow(key.id);
  }

  #credentialOf(config: ResolvedKey): GivenCredential | undefined {
    return this.kept.keepsSecrets ? records.credentialOf(config, this.#registry.readProvider) : undefined;
  }

  /** The key that has this id or this secret, or had it and lost it. */
  #ownerOf({ id, secret }: ResolvedKey, index: KeyIndex | undefined): PooledKey | undefined {
    const known = this.#registry.pool.keys.get(id);
    if (known !== undefined) return known;
    // For one question a look at every key is quicker than making an index of them.
    if (index === undefined) return this.#findKey((key) => key.source === secret || this.#lacks(key, secret));
    const owner = index.bySecret.get(secret);
    if (owner !== undefined || typeof secret !== "string" || index.lacking.size === 0) return owner;
    return index.lacking.get(this.#registry.fingerprint(secret));
  }

  #findKey(isWanted: (key: PooledKey) => boolean): PooledKey | undefined {
    for (const key of this.#registry.pool.keys.values()) if (isWanted(key)) return key;
    return undefined;
  }

  /** Is this the secret of a key that nobody kept? */
  #lacks(key: PooledKey, secret: KeyConfig["secret"]): boolean {
    return !key.secret.isKnown && (this.kept.get(key.id)?.fingerprint ?? "") === this.#printOf(secret);
  }

  /** What is or would be remembered of a key. */
  #recordOf(key: PooledKey): KeyRecord {
    const { fingerprint } = this.#registry;
    return this.kept.get(key.id) ?? records.sourceRecord(key.resolved, key.ordinal, fingerprint);
  }

  /** What an operator gave, in this process or another; without its secret where nobody kept that. */
  #givenFor(record: KeyRecord): ResolvedKey {
    const { fingerprint, readProvider } = this.#registry;
    const own = this.#given.get(record.id);
    if (record.given !== undefined && own?.secret !== record.given.secret) {
      try {
        const key = records.keyOfRecord(record, fingerprint, readProvider);
        this.#given.set(record.id, key);
        return key;
      } catch (error) {
        if (!InvalidOptionsError.isInstance(error)) throw error;
        this.#failed(error);
      }
    }
    return (
      this.#ownOrListed(record.id) ?? records.keyOfRecord({ ...record, given: undefined }, fingerprint, readProvider)
    );
  }

  #ownOrListed(id: string): ResolvedKey | undefined {
    return this.#given.get(id) ?? this.#registry.listed.get(id);
  }

  /** Of a key whose secret operators replaced the source's counts again once it lists another one, or gives theirs to another key. */
  #endReplacements(listed: readonly ResolvedKey[]): void {
    const replaced = [...this.kept.records].filter(({ replaces }) => replaces !== undefined);
    if (replaced.length === 0) return;
    const prints = new Map(listed.map(({ id, secret }) => [id, this.#printOf(secret)] as const));
    const owners = new Map([...prints].map(([id, print]) => [print, id]));
    for (const record of replaced) {
      const { id, fingerprint, replaces } = record;
      const now = prints.get(id);
      const owner = fingerprint === null ? undefined : owners.get(fingerprint);
      if (now === undefined || (now === replaces && (owner === undefined || owner === id))) continue;
      this.#replacements.delete(id);
      const ended = (known: KeyRecord): Partial<KeyRecord> =>
        known.replaces === undefined ? {} : { fingerprint: now, given: undefined, replaces: undefined };
      this.kept.note([records.changed(record, ended)]);
    }
  }

  /** Numbers given before, in this process or another. */
  *#ordinals(): Generator<readonly [id: string, ordinal: number]> {
    for (const { id, ordinal } of this.kept.records) if (ordinal !== null) yield [id, ordinal];
  }

  #followAll(ids: Iterable<string>): readonly KeyChange[] {
    const { pool } = this.#registry;
    pool.noteOrdinals(this.#ordinals());
    const changes = this.#inOrder(ids, 0).flatMap((id) => this.#registry.follow(id) ?? []);
    this.#renumber(pool.keys.values());
    return changes;
  }

  /** @param unknown the place of what has no number */
  #inOrder(ids: Iterable<string>, unknown: number): string[] {
    const place = (id: string): number => this.kept.get(id)?.ordinal ?? unknown;
    return [...ids].sort((one, other) => place(one) - place(other));
  }

  /** The numbers of the pool's keys, as the records have them. */
  #renumber(keys: Iterable<PooledKey>): void {
    for (const key of keys) key.ordinal = this.kept.get(key.id)?.ordinal ?? key.ordinal;
  }

  #printOf(secret: KeyConfig["secret"]): string | null {
    return typeof secret === "string" ? this.#registry.fingerprint(secret) : null;
  }
}

/** An id that somebody made of a secret is in no message. */
function hasTellingId({ id, secret }: PooledKey): boolean {
  return id === secret.fingerprint || !mayBeSecret(id);
}
