import { expectKnown, expectMethods, expectNumber, unexpected } from "../../checks.ts";
import { RotatorClosedError } from "../../errors.ts";
import { resolveKeys } from "../../pool/keys/key-list.ts";
import { expectUpdate, type KeyUpdate, type ResolvedKey } from "../../pool/keys/key-source.ts";
import type { KeyStore } from "../../pool/keys/key-store.ts";
import type { PooledKey } from "../../pool/keys/pooled-key.ts";
import { type PoolOwner, type PoolPort, portOf } from "../../pool/pool-port.ts";
import type { KeyConfig } from "../../types.ts";
import { type ImportOptions, type ImportReport, idTaken, importKeys } from "./key-import.ts";
import { expectKeyStore, type HomeOf, keyOwner } from "./key-owner.ts";
import { OperatorOverrides } from "./operator-overrides.ts";

export interface ReplaceOptions {
  /**
   * For how long the old secret is kept, milliseconds: when the provider refuses the new one meanwhile, the old one is used
   * again until the new one works or this time is over. It is kept in this process only. @default 0
   */
  readonly overlapMs?: number | undefined;
}

/**
 * Lays what operators say over a pool's keys.
 * @throws InvalidOptionsError for a store that holds another provider's keys.
 */
export function overridesFor(pool: PoolPort, store: KeyStore | undefined, homeOf: HomeOf = nowhere): OperatorOverrides {
  const { clock, provider, sentTo } = pool.options;
  const owner = store === undefined ? "" : keyOwner(provider, homeOf, sentTo);
  return new OperatorOverrides(pool.registry, {
    store: store === undefined ? undefined : expectKeyStore(store, owner),
    owner,
    clock,
    failed: (error) => pool.emit("internal-error", { part: "keyStore", error }),
    othersChanged: (changes) => pool.tell(changes),
  });
}

const nowhere: HomeOf = () => [];

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
  add(key: string | KeyConfig): string {
    const overrides = this.#open();
    const [config] = resolveKeys([key], this.#pool.registry.fingerprint) as [ResolvedKey];
    const { id, outcome, change } = overrides.admit(config);
    if (outcome === "taken") throw idTaken("key.id", false);
    this.#pool.tell([change]);
    return id;
  }

  /**
   * Takes in many keys and tells what became of each: one that cannot be a key stops no other, one that is there keeps its
   * settings. Where none of them can be one, a `"replace"` leaves the keys there are.
   * @throws InvalidOptionsError for options that cannot work, and for an empty list; RotatorClosedError after `close()`.
   */
  import(keys: string | readonly (string | KeyConfig)[], options: ImportOptions = {}): ImportReport {
    const overrides = this.#open();
    const { clock } = this.#pool.options;
    const imported = importKeys(overrides, this.#pool.registry, keys, options, clock.wall());
    const { mode, ids, changes } = imported;
    this.#pool.tell(changes);
    let removed = 0;
    if (mode === "replace" && ids.length > 0) {
      const begin = (): void => {
        const gone = overrides.beginList(ids);
        removed = gone.length;
        this.#pool.tell(gone);
      };
      if (!this.#postpone(begin)) begin();
    }
    const report = imported.report(removed);
    const { batch, created, existed } = report;
    this.#pool.emit("keys-imported", { batch, created, existed, removed });
    return report;
  }

  /** Takes a key out, for good where the source lists it too. Returns whether there was one. */
  remove(id: string): boolean {
    return this.#with(id, (key, overrides) => this.#pool.tell([overrides.remove(key)]));
  }

  /** Switches a key on and ends its own rest. Returns whether there is such a key. */
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
      if (Object.keys(settings).length > 0) this.#pool.tell([overrides.set(key, settings)]);
      if (enabled === true) this.enable(id);
      if (enabled === false) this.disable(id);
    });
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; verdicts on the old secret do not follow.
   * Returns whether there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @throws InvalidOptionsError for what cannot be a secret, or is that of another key; RotatorClosedError after `close()`.
   */
  replace(id: string, secret: KeyConfig["secret"], options: ReplaceOptions = {}): boolean {
    const overlapMs = expectOverlap(options);
    const overrides = this.#open();
    const key = this.#pool.registry.pool.keys.get(id);
    if (key === undefined) return false;
    const old = key.secret;
    this.#pool.tell([overrides.replaceSecret(key, secret)]);
    if (overlapMs > 0 && old !== key.secret && old.isKnown) this.#pool.features.overlaps.begin(key, old, overlapMs);
    return true;
  }

  /**
   * Waits until the key store has what was changed. Without one there is nothing to wait for.
   * @throws KeyStoreError when it cannot be stored. It holds all the same, and is tried again. What the key source throws when
   * it has to be read first.
   */
  async flushed(): Promise<void> {
    const overrides = this.#overrides;
    if (overrides?.isKept !== true) return;
    await this.#pool.ready();
    await overrides.flushed();
  }

  get #overrides(): OperatorOverrides | undefined {
    return this.#pool.registry.overrides as OperatorOverrides | undefined;
  }

  #open(): OperatorOverrides {
    if (this.#pool.isClosed) throw new RotatorClosedError();
    const { registry } = this.#pool;
    registry.overrides ??= overridesFor(this.#pool, undefined);
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

export interface ManageOptions {
  /**
   * Where changes are kept, of a pool that was made without a `keyStore` and has served nobody yet: what it holds is read before the
   * first request.
   * @default the pool's own `keyStore`; without one changes hold until the pool ends
   */
  readonly store?: KeyStore | undefined;
}

/**
 * Changes keys of a pool that runs.
 * @throws InvalidOptionsError for what has no pool, and for a store where the pool has another one, has served already, or
 * whose keys are another provider's.
 */
export function manageKeys(owner: PoolOwner, options: ManageOptions = {}): KeyManager {
  const pool = portOf(owner);
  expectKnown("options", options, { store: true });
  const { store } = options;
  if (store !== undefined && store !== pool.options.keyStore) keepIn(pool, store);
  return new KeyManager(pool);
}

function keepIn(pool: PoolPort, store: KeyStore): void {
  const { registry, options, inFlight, waiting } = pool;
  if (options.keyStore !== undefined || registry.overrides !== undefined) {
    throw unexpected("store", "the only one of its pool, and given before keys are changed", store);
  }
  if (inFlight + waiting > 0) throw unexpected("store", "given before the pool serves requests", store);
  registry.layOver(overridesFor(pool, expectMethods<KeyStore>("store", ["load", "apply"], store)));
  pool.ready().catch(() => {});
}

/** @throws InvalidOptionsError for what cannot be a time. */
function expectOverlap(options: ReplaceOptions): number {
  expectKnown("options", options, { overlapMs: true });
  const { overlapMs = 0 } = options;
  return expectNumber("overlapMs", overlapMs, { min: 0, finite: true });
}
