import { expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "../../checks.ts";
import { InvalidOptionsError, RotatorClosedError } from "../../errors.ts";
import type { KeyConfig } from "../../pool/keys/key-config.ts";
import { resolveKeys, toEntries } from "../../pool/keys/key-list.ts";
import type { KeyChange, KeyRegistry } from "../../pool/keys/key-registry.ts";
import { expectUpdate, type KeyUpdate, type ResolvedKey } from "../../pool/keys/key-source.ts";
import type { KeyStore } from "../../pool/keys/key-store.ts";
import type { PooledKey } from "../../pool/keys/pooled-key.ts";
import { type PoolOwner, type PoolPort, portOf } from "../../pool/pool-port.ts";
import { OperatorOverrides } from "./operator-overrides.ts";
import { expectKeyStore, keyOwner } from "./override-records.ts";

export interface ReplaceOptions {
  /**
   * For how long the old secret is kept, milliseconds: when the provider refuses the new one meanwhile, the old one is used
   * again until the new one works or this time is over. It is kept in this process only. @default 0
   */
  readonly overlapMs?: number | undefined;
}

export interface ImportOptions {
  /**
   * `"append"` adds to the keys there are. `"replace"` starts a new list: keys that are not in it leave, known ones keep their
   * state and settings, and ordinals are counted anew from 1 in the order of the input.
   * @default "append"
   */
  readonly mode?: "append" | "replace" | undefined;
  /** Name for the keys that are new and bring no `batch` of their own. @default `batch_` and the seconds since the epoch */
  readonly batch?: string | undefined;
}

/** What became of one entry of an import. */
export interface ImportResult {
  readonly outcome: "created" | "existed" | "duplicate_in_input" | "invalid";
  /** `null` for an invalid one. */
  readonly id: string | null;
  readonly ordinal: number | null;
  /** What is wrong with it, or worth knowing; never the secret. */
  readonly message: string | null;
}

export interface ImportReport {
  readonly batch: string;
  /** One for each entry, in its order. */
  readonly results: readonly ImportResult[];
  readonly created: number;
  readonly existed: number;
  readonly invalid: number;
  readonly duplicates: number;
  /** Keys that left because the new list has them not. */
  readonly removed: number;
}

/** What an entry turned out to be; the key's number is looked up at the end. */
type Finding = Omit<ImportResult, "ordinal">;

/**
 * Lays what operators say over a pool's keys.
 * @throws InvalidOptionsError for a store that holds another provider's keys.
 */
export function overridesFor(pool: PoolPort, store?: KeyStore): OperatorOverrides {
  const { clock, provider, sentTo, homeOf } = pool.options;
  const owner = store === undefined ? "" : keyOwner(provider, homeOf, sentTo);
  return new OperatorOverrides(pool.registry, {
    store: store === undefined ? undefined : expectKeyStore(store, owner),
    owner,
    clock,
    failed: (error) => pool.emit("internal-error", { part: "keyStore", error }),
    othersChanged: (changes) => pool.switches.tell(changes),
  });
}

/**
 * What operators do to keys, of a pool that runs. It holds for the next request; where there is a `keyStore` it is stored soon
 * after, for which `flushed()` waits. What is said of keys before a function that lists them was first read waits for them.
 */
export class KeyManager {
  readonly #pool: PoolPort;

  /** @internal */
  constructor(pool: PoolPort) {
    this.#pool = pool;
  }

  /**
   * Adds a key. One whose secret is there already is left as it is. Returns the key's id.
   * @throws InvalidOptionsError for what cannot be a key, or has the id of a key with another secret (`replace` gives a key
   * a new one); RotatorClosedError after `close()`.
   */
  add(key: string | KeyConfig<string>): string {
    const overrides = this.#open();
    const { fingerprint, readProvider } = this.#pool.registry;
    const [config] = resolveKeys([key], fingerprint, readProvider) as [ResolvedKey];
    const { id, outcome, change } = overrides.admit(config);
    if (outcome === "taken") throw idTaken("key.id", false);
    this.#pool.switches.tell([change]);
    return id;
  }

  /**
   * Takes in many keys and tells what became of each: one that cannot be a key stops no other, one that is there keeps its
   * settings. Where none of them can be one, a `"replace"` leaves the keys there are.
   * @throws InvalidOptionsError for options that cannot work, and for an empty list; RotatorClosedError after `close()`.
   */
  import(keys: string | readonly (string | KeyConfig<string>)[], options: ImportOptions = {}): ImportReport {
    const { registry, switches, options: made } = this.#pool;
    const overrides = this.#open();
    expectKnown("options", options, { mode: true, batch: true });
    const mode = expectOneOf("mode", options.mode ?? "append", ["append", "replace"] as const);
    const batch = expectString("batch", options.batch ?? `batch_${Math.floor(made.clock.wall() / 1000)}`);
    const { findings, ids, changes } = takeIn(overrides, registry, keys, batch);
    switches.tell(changes);
    let removed = 0;
    const begin = (): void => {
      const gone = overrides.beginList(ids);
      removed = gone.length;
      switches.tell(gone);
    };
    if (mode === "replace" && ids.length > 0 && !this.#postpone(begin)) begin();
    const count = (wanted: Finding["outcome"]): number => findings.filter(({ outcome }) => outcome === wanted).length;
    const ordinalOf = (id: string | null): number | null =>
      id === null ? null : (registry.pool.keys.get(id)?.ordinal ?? null);
    const [created, existed] = [count("created"), count("existed")];
    this.#pool.emit("keys-imported", { batch, created, existed, removed });
    return {
      batch,
      results: findings.map(({ outcome, id, message }) => ({ outcome, id, ordinal: ordinalOf(id), message })),
      created,
      existed,
      invalid: count("invalid"),
      duplicates: count("duplicate_in_input"),
      removed,
    };
  }

  /** Takes a key out, for good where the source lists it too. Returns whether there was one. */
  remove(id: string): boolean {
    return this.#with(id, (key, overrides) => this.#pool.switches.tell([overrides.remove(key)]));
  }

  /** Switches a key on and ends its own cooldown. Returns whether there is such a key. */
  enable(id: string): boolean {
    return this.#with(id, (key, overrides) => {
      if (key.secret.isKnown) this.#pool.switches.on(key);
      overrides.set(key, { enabled: true, disabledReason: undefined });
    });
  }

  /** Switches a key off. Requests that hold it go on. Returns whether there is such a key. */
  disable(id: string, reason = "operator"): boolean {
    return this.#with(id, (key, overrides) => {
      if (key.secret.isKnown) this.#pool.switches.off(key, reason);
      overrides.set(key, { enabled: false, disabledReason: reason });
    });
  }

  /**
   * Changes settings of a key: what is said here holds whatever the source says. Returns whether there is such a key.
   * @throws InvalidOptionsError naming the setting that cannot be one, and nothing is changed; RotatorClosedError after `close()`.
   */
  update(id: string, change: KeyUpdate): boolean {
    const { enabled, ...settings } = expectUpdate(change);
    return this.#with(id, (key, overrides) => {
      if (Object.keys(settings).length > 0) this.#pool.switches.tell([overrides.set(key, settings)]);
      if (enabled === true) this.enable(id);
      if (enabled === false) this.disable(id);
    });
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; what was found out about the old secret does not follow.
   * Returns whether there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @throws InvalidOptionsError for what cannot be a secret, or is that of another key; RotatorClosedError after `close()`.
   */
  replace(id: string, secret: KeyConfig["secret"], options: ReplaceOptions = {}): boolean {
    expectKnown("options", options, { overlapMs: true });
    const overlapMs = expectNumber("overlapMs", options.overlapMs ?? 0, { min: 0, finite: true });
    const overrides = this.#open();
    const key = this.#pool.registry.pool.keys.get(id);
    if (key === undefined) return false;
    const old = key.secret;
    this.#pool.switches.tell([overrides.replaceSecret(key, secret)]);
    if (overlapMs > 0 && old !== key.secret && old.isKnown) this.#pool.features.overlaps.begin(key, old, overlapMs);
    return true;
  }

  /**
   * Waits until the key store has what was changed. Without one there is nothing to wait for.
   * @throws KeyStoreError when it cannot be stored. It holds all the same, and is tried again. What the key source throws when
   * it has to be read first.
   */
  async flushed(): Promise<void> {
    const kept = (this.#pool.registry.overrides as OperatorOverrides | undefined)?.kept;
    if (kept?.isKept !== true) return;
    await this.#pool.ready();
    await kept.flushed();
  }

  #open(): OperatorOverrides {
    if (this.#pool.isClosed) throw new RotatorClosedError();
    const { registry } = this.#pool;
    registry.overrides ??= overridesFor(this.#pool);
    return registry.overrides as OperatorOverrides;
  }

  /** Does it to the key of this id; where keys are not known yet, once they are. Returns whether there is or may be one. */
  #with(id: string, work: (key: PooledKey, overrides: OperatorOverrides) => void): boolean {
    const overrides = this.#open();
    const key = this.#pool.registry.pool.keys.get(id);
    if (key === undefined) return this.#postpone(() => this.#with(id, work));
    work(key, overrides);
    return true;
  }

  /** Closed meanwhile, it no longer matters. */
  #postpone(change: () => void): boolean {
    return this.#pool.registry.postpone(() => {
      if (!this.#pool.isClosed) change();
    });
  }
}

/** Takes entries in, one after the other. What is wrong with one concerns no other. */
function takeIn(
  overrides: OperatorOverrides,
  { fingerprint, readProvider }: Pick<KeyRegistry, "fingerprint" | "readProvider">,
  keys: unknown,
  batch: string,
): { readonly findings: readonly Finding[]; readonly ids: readonly string[]; readonly changes: readonly KeyChange[] } {
  const entries = toEntries(keys);
  const index = overrides.index();
  const bySecret = new Map<KeyConfig["secret"], string>();
  const ids = new Set<string>();
  const changes: KeyChange[] = [];
  const take = (field: string, key: ResolvedKey): Finding => {
    const earlier = bySecret.get(key.secret);
    if (earlier !== undefined)
      return { outcome: "duplicate_in_input", id: earlier, message: "An earlier entry counts" };
    const { id, outcome, change } = overrides.admit({ ...key, batch: key.batch ?? batch }, index);
    if (outcome === "taken") throw idTaken(`${field}.id`, ids.has(id));
    bySecret.set(key.secret, id);
    ids.add(id);
    if (change !== undefined) changes.push(change);
    if (outcome === "regained") return { outcome: "existed", id, message: "Its secret is known again" };
    return { outcome, id, message: null };
  };
  const findings = Array.from({ length: entries.count }, (_, place): Finding => {
    try {
      return take(entries.field(place), entries.resolve(place, fingerprint, readProvider));
    } catch (error) {
      if (!InvalidOptionsError.isInstance(error)) throw error;
      return { outcome: "invalid", id: null, message: error.message };
    }
  });
  return { findings, ids: [...ids], changes };
}

/** An id is that of a key with another secret. */
function idTaken(field: string, isEarlier: boolean): InvalidOptionsError {
  const came = isEarlier
    ? "one that an earlier entry has"
    : "that of a key with another secret; `replace(id, secret)` gives that key a new one";
  return new InvalidOptionsError(field, `Expected \`${field}\` to be one that no other key has, got ${came}`);
}

export interface ManageOptions {
  /**
   * Where changes are kept, of a pool that was made without a `keyStore` and has served nobody yet: what it holds is read before the
   * first request.
   * @default the pool's own `keyStore`; without one changes hold until the pool ends
   */
  readonly keyStore?: KeyStore | undefined;
}

/**
 * Changes keys of a pool that runs.
 * @throws InvalidOptionsError for what has no pool, and for a store where the pool has another one, has served already, or
 * whose keys are another provider's.
 */
export function manageKeys(owner: PoolOwner, options: ManageOptions = {}): KeyManager {
  const pool = portOf(owner);
  expectKnown("options", options, { keyStore: true });
  const { keyStore } = options;
  if (keyStore !== undefined && keyStore !== pool.options.keyStore) keepIn(pool, keyStore);
  return new KeyManager(pool);
}

function keepIn(pool: PoolPort, keyStore: KeyStore): void {
  const { registry, options, inFlight, waiting } = pool;
  if (options.keyStore !== undefined || registry.overrides !== undefined) {
    throw unexpected("keyStore", "the only one of its pool, and given before keys are changed", keyStore);
  }
  if (inFlight + waiting > 0) throw unexpected("keyStore", "given before the pool serves requests", keyStore);
  registry.layOver(overridesFor(pool, keyStore));
  pool.ready().catch(() => {});
}
