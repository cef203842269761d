import { expectBoolean, expectFunction, expectMethods } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { Provider } from "../../judgement/provider.ts";
import type { LimitTemplate } from "../../limits/limits.ts";
import { modelsAsGiven, resolveServedModels } from "../../limits/model-names.ts";
import type { KeyRoute, ReadProvider } from "../../pool/keys/key-config.ts";
import { unknownSecret } from "../../pool/keys/key-secret.ts";
import { type KeySettings, type ResolvedKey, resolveKey } from "../../pool/keys/key-source.ts";
import type { GivenCredential, KeyChanges, KeyRecord, KeyStore } from "../../pool/keys/key-store.ts";
import type { Address, HomeOf } from "../../pool/rotator-options.ts";
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

  /** A number that somebody else has by now is replaced by the next free one. */
  put(record: KeyRecord): void {
    const before = this.#records.get(record.id)?.ordinal;
    if (typeof before === "number") this.#owners.delete(before);
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
  differencesTo({ all }: OverrideRecords): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const [id, record] of this.#records) if (!isSame(record, all.get(id))) ids.add(id);
    for (const id of all.keys()) if (!this.#records.has(id)) ids.add(id);
    return ids;
  }
}

function isSame(one: KeyRecord, other: KeyRecord | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** What a key is as long as no operator says otherwise. */
export function sourceRecord({ id, secret, batch }: ResolvedKey, ordinal: number, hash: Fingerprint): KeyRecord {
  const fingerprint = typeof secret === "string" ? hash(secret) : null;
  return { id, fingerprint, ordinal, addedBy: "source", removed: false, batch: batch ?? null, settings: noSettings };
}

/** A key an operator gave: all it came with is the operator's word. Its credential is kept where that may be. */
export function operatorRecord(
  config: ResolvedKey,
  ordinal: number,
  hash: Fingerprint,
  given: GivenCredential | undefined,
): KeyRecord {
  const { weight, priority, account, note, models, enabled } = config;
  const settings = {
    weight,
    priority,
    account: account ?? null,
    note: note ?? null,
    models: models === undefined ? null : modelsAsGiven(models),
  };
  return {
    ...sourceRecord(config, ordinal, hash),
    addedBy: "operator",
    settings: enabled ? settings : Object.assign(settings, { enabled }),
    given,
  };
}

/** `undefined` where part of it cannot be kept: a function, or a provider that is not found again by its name. */
export function credentialOf(
  { secret, route, limits }: ResolvedKey,
  readProvider: ReadProvider,
): GivenCredential | undefined {
  if (typeof secret !== "string" || route?.fetch !== undefined) return undefined;
  const { provider, baseURL, credential, headers, query, egress } = route ?? plainRoute;
  const name = provider?.provider.name;
  if (name !== undefined && !isFound(name, provider?.provider, readProvider)) return undefined;
  const kept = { secret, provider: name, baseURL: baseURL?.href, credential, headers, query, egress };
  return Object.assign(kept, { limits: limits?.map(limitOf) });
}

const plainRoute: Partial<KeyRoute> = {};

function isFound(name: string, provider: Provider | undefined, readProvider: ReadProvider): boolean {
  try {
    return readProvider("provider", name) === provider;
  } catch {
    return false;
  }
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
export function keyOfRecord(
  { id, given, batch }: KeyRecord,
  hash: Fingerprint,
  readProvider: ReadProvider,
): ResolvedKey {
  const config = { id, secret: given?.secret ?? unknownSecret, ...given, batch: batch ?? undefined };
  return resolveKey("record of key", config, hash, readProvider);
}

/** What operators set, over what the key came with: `null` is nothing, and what is absent stays. */
export function withSettings(config: ResolvedKey, { disabledReason: _, ...settings }: KeySettings): ResolvedKey {
  const said = Object.entries(settings).filter(([, value]) => value !== undefined);
  return said.length === 0 ? config : { ...config, ...Object.fromEntries(said.map(asTrait)) };
}

function asTrait([name, value]: readonly [string, unknown]): readonly [string, unknown] {
  return [name, name === "models" && value !== null ? resolveServedModels(name, value) : (value ?? undefined)];
}

/** Changes a key's record unless it is out. @param record what is known of the key, should nothing have been noted yet */
export function changed(record: KeyRecord, details: (known: KeyRecord) => Partial<KeyRecord>): RecordChange {
  return (records) => {
    const known = records.all.get(record.id) ?? record;
    if (!known.removed) records.put({ ...known, ...details(known) });
  };
}

/** A source lists this key. Its record is begun, or told of another secret; nothing where that says nothing new. */
export function seen(record: KeyRecord, known: KeyRecord | undefined): RecordChange[] {
  if (!isNews(record, known)) return [];
  const again: RecordChange = (records) => {
    const now = records.all.get(record.id);
    if (isNews(record, now)) records.put({ ...(now ?? record), fingerprint: record.fingerprint });
  };
  return [again];
}

function isNews({ fingerprint }: KeyRecord, known: KeyRecord | undefined): boolean {
  if (known === undefined) return true;
  const isSources = known.addedBy === "source" && !known.removed && known.replaces === undefined;
  return isSources && known.fingerprint !== fingerprint;
}

/** An operator gave this key. One that is there keeps what was set of it; one that left has its number again. */
export function given(record: KeyRecord): RecordChange {
  return (records) => {
    const known = records.all.get(record.id);
    if (known === undefined || known.removed) records.put({ ...record, ordinal: known?.ordinal ?? record.ordinal });
    else records.put({ ...known, addedBy: "operator", given: record.given ?? known.given });
  };
}

export function removed(record: KeyRecord): RecordChange {
  return (records) => records.put(tombstone(records.all.get(record.id) ?? record));
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
    const list = [...keys.map((key) => records.all.get(key.id) ?? key), ...others.filter((other) => !other.removed)];
    const left = [...leaving, ...others.filter((other) => other.removed)];
    for (const { id } of [...list, ...left]) records.drop(id);
    for (const [place, record] of list.entries()) records.put({ ...record, ordinal: place + 1 });
    for (const record of left) if (isListed(record.id)) records.put({ ...tombstone(record), ordinal: null });
  };
}

/** What is left of a record when an operator takes the key out. */
function tombstone({ id, fingerprint, ordinal, addedBy, batch }: KeyRecord): KeyRecord {
  return { id, fingerprint, ordinal, addedBy, removed: true, batch, settings: noSettings };
}

/** Names whose keys a pool's are: the provider's, and all origins they go to unless each is the preset's own. */
export function keyOwner({ name, origins }: Provider, homeOf: HomeOf, { base, own }: Address = { own: [] }): string {
  const home = homeOf(name);
  const targets = [...(base === undefined ? origins : [base]), ...own];
  const places = [...new Set(targets.map((target) => new URL(target).origin))].sort();
  const quoted = JSON.stringify(name);
  return places.every((place) => home.includes(place)) ? quoted : `${quoted} at ${places.join(", ")}`;
}

/** @throws InvalidOptionsError where keys would be sent to a stranger. */
export function expectOwner(owner: string, holder: string): void {
  if (owner === holder) return;
  throw new InvalidOptionsError(
    "keyStore",
    `Expected \`keyStore\` to be one of this pool alone (provider ${owner}), got one with the keys of provider ${holder}. ` +
      "Give it another pool name or file; if its provider moved, stop all processes and take `owner` out of that one",
  );
}

/** Whose keys a store was used for first: those of one provider must not be sent to another. */
const ownersOfStores = new WeakMap<KeyStore, string>();

/** @throws InvalidOptionsError for what is no key store, and for one that was used for another provider's keys. */
export function expectKeyStore(value: unknown, owner: string): KeyStore {
  const store = expectMethods<KeyStore>("keyStore", ["load", "apply"], value);
  for (const name of ["claim", "watch", "close"] as const) {
    if (store[name] !== undefined) expectFunction(`keyStore.${name}`, store[name]);
  }
  expectBoolean("keyStore.storesSecrets", store.storesSecrets);
  expectOwner(owner, ownersOfStores.get(store) ?? owner);
  ownersOfStores.set(store, owner);
  return store;
}
