import type { LimitTemplate } from "../../limits/limits.ts";
import type { PooledKey } from "../../pool/keys/key-pool.ts";
import { unknownSecret } from "../../pool/keys/key-secret.ts";
import { type ResolvedKey, resolveKey } from "../../pool/keys/key-source.ts";
import type { GivenCredential, KeyRecord, KeySettings } from "../../pool/keys/key-store.ts";
import type { Limit } from "../../types.ts";
import type { RecordChange, RecordSheet } from "./record-sheet.ts";

type Fingerprint = (secret: string) => string;

/** The settings of a key that operators may change. */
const settingNames = ["weight", "priority", "account", "note", "models"] as const;

const noSettings: KeySettings = Object.freeze({});

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
export function credentialOf(config: ResolvedKey): GivenCredential | undefined {
  const { secret, baseURL, headers, query, limits } = config;
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

/** Names of the settings in which two keys differ. */
export function differences(one: ResolvedKey, other: ResolvedKey): readonly string[] {
  return settingNames.filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
}

/** A source lists this key. Its record is begun, or told of another secret. */
export function seen(record: KeyRecord): RecordChange {
  return (sheet) => {
    const known = sheet.get(record.id);
    if (isNews(record, known)) sheet.put({ ...(known ?? record), fingerprint: record.fingerprint });
  };
}

/** Does what a source lists say more than is known? */
export function isNews({ fingerprint }: KeyRecord, known: KeyRecord | undefined): boolean {
  if (known === undefined) return true;
  const isSources = known.addedBy === "source" && !known.removed && known.replaces === undefined;
  return isSources && known.fingerprint !== fingerprint;
}

/** An operator gave this key. One that is there keeps what was set of it; one that left has its number again. */
export function given(record: KeyRecord): RecordChange {
  return (sheet) => {
    const known = sheet.get(record.id);
    if (known === undefined || known.removed) sheet.put({ ...record, ordinal: known?.ordinal ?? record.ordinal });
    else sheet.put({ ...known, addedBy: "operator", given: record.given ?? known.given });
  };
}

/** @param record what is known of the key, should nothing have been noted yet */
export function set(record: KeyRecord, settings: KeySettings): RecordChange {
  return (sheet) => {
    const known = sheet.get(record.id) ?? record;
    if (!known.removed) sheet.put({ ...known, settings: { ...known.settings, ...settings } });
  };
}

export function removed(record: KeyRecord): RecordChange {
  return (sheet) => {
    sheet.put(tombstone(sheet.get(record.id) ?? record));
  };
}

/** @param replaces the fingerprint of the secret its source lists; `undefined` where none does */
export function replaced(
  record: KeyRecord,
  fingerprint: string | null,
  credential: GivenCredential | undefined,
  replaces: string | null | undefined,
): RecordChange {
  return (sheet) => {
    const known = sheet.get(record.id) ?? record;
    if (!known.removed) sheet.put({ ...known, fingerprint, given: credential, replaces });
  };
}

/** The source lists another secret than the one an operator replaced: it counts. */
export function unreplaced(id: string, fingerprint: string | null): RecordChange {
  return (sheet) => {
    const known = sheet.get(id);
    if (known?.replaces !== undefined) sheet.put({ ...known, fingerprint, given: undefined, replaces: undefined });
  };
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
  return (sheet) => {
    const known = new Set([...keys, ...leaving].map(({ id }) => id));
    const others = [...sheet.records.values()].filter(({ id }) => !known.has(id));
    const list = [...keys.map((key) => sheet.get(key.id) ?? key), ...others.filter(({ removed: isOut }) => !isOut)];
    const left = [...leaving, ...others.filter(({ removed: isOut }) => isOut)];
    for (const { id } of [...list, ...left]) sheet.drop(id);
    for (const [place, record] of list.entries()) sheet.put({ ...record, ordinal: place + 1 });
    for (const record of left) if (isListed(record.id)) sheet.put(tombstone({ ...record, ordinal: null }));
  };
}

/** What is left of a record when an operator takes the key out. */
function tombstone({ id, fingerprint, ordinal, addedBy, batch }: KeyRecord): KeyRecord {
  return { id, fingerprint, ordinal, addedBy, removed: true, batch, settings: noSettings };
}

/** The numbers of the pool's keys, as the records have them. */
export function renumber(keys: Iterable<PooledKey>, sheet: Pick<RecordSheet, "get">): void {
  for (const key of keys) {
    const ordinal = sheet.get(key.id)?.ordinal;
    if (ordinal !== undefined && ordinal !== null) key.ordinal = ordinal;
  }
}
