import { unexpectedSecret } from "../checks.ts";
import { RotatorClosedError } from "../errors.ts";
import type { PooledKey } from "../pool/keys/key-pool.ts";
import { type ResolvedKey, resolveKeys } from "../pool/keys/key-source.ts";
import type { KeyConfig } from "../types.ts";
import type { CheckReport } from "./health-checker.ts";
import { type ImportOptions, type ImportReport, KeyImport, planImport } from "./keys/key-import.ts";
import { expectOverlap, expectUpdate, type KeyUpdate, type ReplaceOptions } from "./keys/key-settings.ts";
import type { KeyChange } from "./keys/pool-sync.ts";
import type { RotatorParts } from "./rotator-parts.ts";

export type { CheckOptions } from "./health-checker.ts";
export type { ImportOptions, ImportReport, ImportResult } from "./keys/key-import.ts";
export type { KeyUpdate, ReplaceOptions } from "./keys/key-settings.ts";

/**
 * What operators do to keys, of a rotator that runs. It holds for the next request; where there is a `keyStore` it is stored
 * soon after, for which `flushed()` waits.
 */
export abstract class KeyManagement {
  readonly #parts: RotatorParts;

  /** @internal */
  protected constructor(parts: RotatorParts) {
    this.#parts = parts;
    parts.othersChanged = (changes) => this.#tell(changes);
  }

  /**
   * Adds a key. One whose secret is there already is left as it is. Returns the key's id.
   * @throws InvalidOptionsError for what cannot be a key, or has the id of a key with another secret (`replace` gives a key
   * a new one); RotatorClosedError after `close()`.
   */
  add(key: string | KeyConfig): string {
    const { book } = this.#open();
    const [config] = resolveKeys([key], book.fingerprint) as [ResolvedKey];
    const owner = book.ownerOf(config);
    if (owner === undefined || book.lacks(owner, config.secret)) {
      this.#tell([book.give(config, owner)]);
      return owner?.id ?? config.id;
    }
    if (owner.config.secret === config.secret) return owner.id;
    const came = "that of a key with another secret; `replace(id, secret)` gives that key a new one";
    throw unexpectedSecret("key.id", "one that no other key has", came);
  }

  /**
   * Takes in many keys and tells what became of each: one that cannot be a key stops no other, one that is there keeps its
   * settings. Where none of them can be one, a `"replace"` leaves the keys there are.
   * @throws InvalidOptionsError for options that cannot work, and for an empty list; RotatorClosedError after `close()`.
   */
  import(keys: string | readonly (string | KeyConfig)[], options: ImportOptions = {}): ImportReport {
    const { book, events } = this.#open();
    const { mode, batch, entries } = planImport(keys, options, this.#parts.options.clock.wall());
    const work = new KeyImport(book, batch);
    for (const entry of entries) work.take(entry);
    this.#tell(work.changes);
    const { ids } = work;
    let removed = 0;
    if (mode === "replace" && ids.length > 0) {
      const begin = (): void => {
        const changes = book.beginList(ids);
        removed = changes.length;
        this.#tell(changes);
      };
      if (!this.#postpone(begin)) begin();
    }
    const report = work.report(removed);
    const { created, existed } = report;
    events.emit("keys-imported", { batch, created, existed, removed });
    return report;
  }

  /**
   * Takes a key out, for good where the source lists it too: only `add` and `import` bring it back. Requests that hold it go
   * on. Returns whether there was one; before a function that lists the keys was first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  remove(id: string): boolean {
    const key = this.#keyOf(id);
    if (key === undefined) return this.#postpone(() => this.remove(id));
    this.#tell([this.#parts.book.remove(key)]);
    return true;
  }

  /**
   * Switches a key on and ends its own rest. Returns whether there is such a key; before a function that lists the keys was
   * first read, `true`: the word is kept until then. A key whose secret nobody kept is switched on when it is given again.
   * @throws RotatorClosedError after `close()`.
   */
  enable(id: string): boolean {
    const key = this.#keyOf(id);
    if (key === undefined) return this.#postpone(() => this.enable(id));
    if (key.secret.isKnown) this.#parts.settlement.switchOn(key);
    this.#parts.book.set(key, { enabled: true, disabledReason: undefined });
    return true;
  }

  /**
   * Switches a key off. Requests that hold it go on. Returns whether there is such a key; before a function that lists the
   * keys was first read, `true`: the word is kept until then.
   * @throws RotatorClosedError after `close()`.
   */
  disable(id: string, reason = "operator"): boolean {
    const key = this.#keyOf(id);
    if (key === undefined) return this.#postpone(() => this.disable(id, reason));
    if (key.secret.isKnown) this.#parts.settlement.switchOff(key, reason);
    this.#parts.book.set(key, { enabled: false, disabledReason: reason });
    return true;
  }

  /**
   * Changes settings of a key: what is said here holds whatever the source says. Returns whether there is such a key; before a
   * function that lists the keys was first read, `true`: the word is kept until then.
   * @throws InvalidOptionsError naming the setting that cannot be one, and nothing is changed; RotatorClosedError after `close()`.
   */
  update(id: string, change: KeyUpdate): boolean {
    const { enabled, ...settings } = expectUpdate(change);
    const key = this.#keyOf(id);
    if (key === undefined) return this.#postpone(() => this.update(id, change));
    if (Object.keys(settings).length > 0) this.#tell([this.#parts.book.set(key, settings)]);
    if (enabled === true) this.enable(id);
    if (enabled === false) this.disable(id);
    return true;
  }

  /**
   * Gives a key a new secret. Its id, settings and counters stay; verdicts on the old secret do not follow.
   * Returns whether there is such a key; `false` for all but added ones before a function that lists the keys was first read.
   * @throws InvalidOptionsError for what cannot be a secret, or is that of another key; RotatorClosedError after `close()`.
   */
  replace(id: string, secret: KeyConfig["secret"], options: ReplaceOptions = {}): boolean {
    const overlapMs = expectOverlap(options);
    const key = this.#keyOf(id);
    if (key === undefined) return false;
    const old = key.secret;
    this.#tell([this.#parts.book.replaceSecret(key, secret)]);
    if (overlapMs > 0 && old !== key.secret && old.isKnown) this.#parts.settlement.overlaps.begin(key, old, overlapMs);
    return true;
  }

  /**
   * Probes one key or all, as `check()` does, with the provider's own probe.
   * @throws InvalidOptionsError when there is no such key, or no probe that proves anything.
   */
  async recheck(id?: string): Promise<CheckReport> {
    await this.#parts.ready();
    return this.#parts.health.check(undefined, id === undefined ? {} : { ids: [id] });
  }

  /**
   * Reads the key source again. Keys that stay keep their state, and what operators changed stays changed. When the source
   * fails, the keys there were stay in use and an event tells.
   * @throws RotatorClosedError after `close()`.
   */
  async reload(): Promise<void> {
    const { book, dispatcher, events } = this.#open();
    if (!book.loaded) return this.#parts.ready();
    try {
      const { added, removed, kept, touched } = await book.reload();
      for (const account of touched) dispatcher.rejoin(account);
      events.emit("keys-reloaded", { added, removed, kept });
    } catch (error) {
      events.emit("keys-reload-failed", { error });
    }
  }

  /**
   * Waits until the key store has what was changed. Without one there is nothing to wait for.
   * @throws KeyStoreError when it cannot be stored. It holds all the same, and is tried again. What the key source throws when
   * it has to be read first.
   */
  async flushed(): Promise<void> {
    const { ledger, loaded } = this.#parts.book;
    if (!ledger.isKept) return;
    if (!loaded) await this.#parts.ready();
    await ledger.flushed();
  }

  #open(): RotatorParts {
    if (this.#parts.isClosed) throw new RotatorClosedError();
    return this.#parts;
  }

  #keyOf(id: string): PooledKey | undefined {
    return this.#open().book.pool.keys.get(id);
  }

  /** What is said of keys that are not known yet waits for them. Closed meanwhile, it no longer matters. */
  #postpone(change: () => void): boolean {
    return this.#parts.book.postpone(() => {
      if (!this.#parts.isClosed) change();
    });
  }

  /** Has requests and listeners know of changes to keys. */
  #tell(changes: readonly (KeyChange | undefined)[]): void {
    const { dispatcher, events } = this.#parts;
    for (const change of changes) {
      if (change === undefined) continue;
      const { id, kind, isReplaced, changed, touched } = change;
      for (const account of touched) dispatcher.rejoin(account);
      if (kind === "added") events.emit("key-added", { keyId: id });
      if (kind === "removed") events.emit("key-removed", { keyId: id });
      if (isReplaced) this.#tellReplaced(id);
      if (changed.length > 0) events.emit("key-updated", { keyId: id, changed });
      this.#switch(change);
    }
  }

  #tellReplaced(id: string): void {
    const { book, dispatcher, events } = this.#parts;
    const key = book.pool.keys.get(id);
    if (key !== undefined) dispatcher.wake(key.account.slot);
    events.emit("key-replaced", { keyId: id });
  }

  #switch({ id, switchTo }: KeyChange): void {
    const { book, settlement } = this.#parts;
    const key = book.pool.keys.get(id);
    if (key === undefined) return;
    if (switchTo === true) settlement.switchOn(key);
    if (switchTo === false) settlement.switchOff(key, key.offReason ?? "operator");
  }
}
