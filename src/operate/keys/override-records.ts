import type { LimitTemplate } from "../../limits/limits.ts";
import { unknownSecret } from "../../pool/keys/key-secret.ts";
import { type KeySettings, type ResolvedKey, resolveKey } from "../../pool/keys/key-source.ts";
import type { GivenCredential, KeyChanges, KeyRecord } from "../../pool/keys/key-store.ts";
import type { Limit } from "../../types.ts";

type Fingerprint = (secret: string) => string;

/** One change to records. Made again on newer ones when somebody else was faster, so it looks at what it finds. */
export type RecordChange = (records: OverrideRecords) => void;

const noSettings: KeySettings = Object.freeze({});

/** Records by id, each number with one owner only. */
export class OverrideRecords {
  readonly #records = new Map<string, KeyRecord>();
  readonly #owners = new Map<number, string>();
  #lastOrdinal = 0;
  /** Ids of records that were changed since they were last asked for. */
  #touched = new Set<string>();

  constructor(records: readonly KeyRecord[] = []) {
    for (const record of records) this.put(record);
    this.#touched.clear();
  }

  get all(): ReadonlyMap<string, KeyRecord> {
    return this.#records;
  }

  get(id: string): KeyRecord | undefined {
    return this.#records.get(id);
  }

  /** A number that somebody else has by now is replaced by the next free one. */
  put(record: KeyRecord): void {
    const before = this.#records.get(record.id);
    if (before?.ordinal !== undefined && before.ordinal !== null) this.#owners.delete(before.ordinal);
    const isTaken = record.ordinal !== null && this.#owners.has(record.ordinal);
    const ordinal = isTaken ? this.#lastOrdinal + 1 : record.ordinal;
    if (ordinal !== null) {
      this.#owners.set(ordinal, record.id);
      this.#lastOrdinal = Math.max(this.#lastOrdinal, ordinal);
    }
    this.#records.set(record.id, isTaken ? { ...record, ordinal } : record);
    this.#touched.add(record.id);
  }

  drop(id: string): void {
    const before = this.#records.get(id);
    if (before === undefined) return;
    this.#records.delete(id);
    if (before.ordinal !== null) this.#owners.delete(before.ordinal);
    this.#touched.add(id);
  }

  /** What differs from when this was last asked; the next answer begins anew. */
  takeChanges(): KeyChanges {
    const ids = [...this.#touched];
    this.#touched = new Set();
    return {
      put: ids.flatMap((id) => this.#records.get(id) ?? []),
      drop: ids.filter((id) => !this.#records.has(id)),
    };
  }

  /** Takes changes back that came to nothing: they are among the next ones. */
  returnChanges({ put, drop }: KeyChanges): void {
    for (const { id } of put) this.#touched.add(id);
    for (const id of drop) this.#touched.add(id);
  }

  /** Ids of records that are not the same here as there. */
  differencesTo(other: OverrideRecords): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const [id, record] of this.#records) if (!isSame(record, other.get(id))) ids.add(id);
    for (const id of other.all.keys()) if (!this.#records.has(id)) ids.add(id);
    return ids;
  }
}

function isSame(one: KeyRecord, other: KeyRecord | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

export function fingerprintOf(secret: ResolvedKey["secret"], fingerprint: Fingerprint): string | null {
  return typeof secret === "string" ? fingerprint(secret) : null;
}

/** What a key is as long as no operator says otherwise. */
export function sourceRecord(config: ResolvedKey, ordinal: number, fingerprint: Fingerprint): KeyRecord {
  return {
    id: config.id,
    fingerprint: fingerprintOf(config.secret, fingerprint),
    ordinal,
    addedBy: "source",
    removed: false,
    batch: config.batch ?? null,
    settings: noSettings,
  };
}

/** A key an operator gave: all it came with is the operator's word. */
export function operatorRecord(
  config: ResolvedKey,
  ordinal: number,
  fingerprint: Fingerprint,
  keepsSecret: boolean,
): KeyRecord {
  const { weight, priority, account, note, models, enabled } = config;
  const settings = { weight, priority, account: account ?? null, note: note ?? null, models: models ?? null };
  return {
    ...sourceRecord(config, ordinal, fingerprint),
    addedBy: "operator",
    settings: enabled ? settings : { ...settings, enabled },
    given: keepsSecret ? credentialOf(config) : undefined,
  };
}

/** `undefined` for a secret that is fetched: a function cannot be kept. */
export function credentialOf({ secret, baseURL, headers, query, limits }: ResolvedKey): GivenCredential | undefined {
  if (typeof secret !== "string") return undefined;
  return {
    secret,
    baseURL: baseURL?.href,
    headers: headers === undefined ? undefined : { ...headers },
    query: query === undefined ? undefined : { ...query },
    limits: limits?.map(limitOf),
  };
}

/** A limit as it could have been declared. */
function limitOf({ id, dimension, limit, scope, models, perModel, window }: LimitTemplate): Limit {
  const common = { id, [dimension]: limit, scope, models, perModel };
  if (window.kind === "concurrency") return common;
  if (window.kind !== "calendar") return { ...common, window: window.kind, per: window.windowMs };
  return { ...common, window: window.kind, per: window.unit, timeZone: window.timeZone };
}

/**
 * The key a record alone tells of. Without its secret it stands in the list, and serves nobody.
 * @throws InvalidOptionsError when what is kept cannot be a key.
 */
export function keyOfRecord(record: KeyRecord, fingerprint: Fingerprint): ResolvedKey {
  const { id, given, batch } = record;
  const config = { id, secret: given?.secret ?? unknownSecret, ...given, batch: batch ?? undefined };
  return resolveKey(`record of key`, config, fingerprint);
}

/** What operators set, over what the key came with. */
export function withSettings(config: ResolvedKey, settings: KeySettings): ResolvedKey {
  if (settings === noSettings) return config;
  const { enabled, weight, priority, account, note, models } = settings;
  return {
    ...config,
    enabled: enabled ?? config.enabled,
    weight: weight ?? config.weight,
    priority: priority ?? config.priority,
    account: account === undefined ? config.account : (account ?? undefined),
    note: note === undefined ? config.note : (note ?? undefined),
    models: models === undefined ? config.models : (models ?? undefined),
  };
}

/** A source lists this key. Its record is begun, or told of another secret; `undefined` where that says nothing new. */
export function seen(record: KeyRecord, known: KeyRecord | undefined): RecordChange | undefined {
  if (!isNews(record, known)) return undefined;
  return (records) => {
    const now = records.get(record.id);
    if (isNews(record, now)) records.put({ ...(now ?? record), fingerprint: record.fingerprint });
  };
}

function isNews({ fingerprint }: KeyRecord, known: KeyRecord | undefined): boolean {
  if (known === undefined) return true;
  const isSources = known.addedBy === "source" && !known.removed && known.replaces === undefined;
  return isSources && known.fingerprint !== fingerprint;
}

/** An operator gave this key. One that is there keeps what was set of it; one that left has its number again. */
export function given(record: KeyRecord): RecordChange {
  return (records) => {
    const known = records.get(record.id);
    if (known === undefined || known.removed) records.put({ ...record, ordinal: known?.ordinal ?? record.ordinal });
    else records.put({ ...known, addedBy: "operator", given: record.given ?? known.given });
  };
}

/** Changes a key's record unless it is out. @param record what is known of the key, should nothing have been noted yet */
function changed(record: KeyRecord, details: (known: KeyRecord) => Partial<KeyRecord>): RecordChange {
  return (records) => {
    const known = records.get(record.id) ?? record;
    if (!known.removed) records.put({ ...known, ...details(known) });
  };
}

export function set(record: KeyRecord, settings: KeySettings): RecordChange {
  return changed(record, (known) => ({ settings: { ...known.settings, ...settings } }));
}

/** @param replaces the fingerprint of the secret its source lists; `undefined` where none does */
export function replaced(
  record: KeyRecord,
  fingerprint: string | null,
  credential: GivenCredential | undefined,
  replaces: string | null | undefined,
): RecordChange {
  return changed(record, () => ({ fingerprint, given: credential, replaces }));
}

/** The source lists another secret than the one an operator replaced: it counts. */
export function unreplaced(id: string, fingerprint: string | null): RecordChange {
  return (records) => {
    const known = records.get(id);
    if (known?.replaces !== undefined) records.put({ ...known, fingerprint, given: undefined, replaces: undefined });
  };
}

export function removed(record: KeyRecord): RecordChange {
  return (records) => records.put(tombstone(records.get(record.id) ?? record));
}

/**
 * A new list begins: these keys have numbers from 1. Those that leave are forgotten, or kept out where a source lists them;
 * what others added meanwhile comes after.
 */
export function listBegun(
  keys: readonly KeyRecord[],
  leaving: readonly KeyRecord[],
  isListed: (id: string) => boolean,
): RecordChange {
  return (records) => {
    const known = new Set([...keys, ...leaving].map(({ id }) => id));
    const others = [...records.all.values()].filter(({ id }) => !known.has(id));
    const list = [...keys.map((key) => records.get(key.id) ?? key), ...others.filter(({ removed: isOut }) => !isOut)];
    const left = [...leaving, ...others.filter(({ removed: isOut }) => isOut)];
    for (const { id } of [...list, ...left]) records.drop(id);
    for (const [place, record] of list.entries()) records.put({ ...record, ordinal: place + 1 });
    for (const record of left) if (isListed(record.id)) records.put(tombstone({ ...record, ordinal: null }));
  };
}

/** What is left of a record when an operator takes the key out. */
function tombstone({ id, fingerprint, ordinal, addedBy, batch }: KeyRecord): KeyRecord {
  return { id, fingerprint, ordinal, addedBy, removed: true, batch, settings: noSettings };
}
