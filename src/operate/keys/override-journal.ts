import { InvalidOptionsError, KeyStoreError } from "../../errors.ts";
import type { Unsubscribe } from "../../limits/store.ts";
import type { KeptOverrides } from "../../pool/keys/key-registry.ts";
import type { KeyRecord, KeyRecords, KeyStore } from "../../pool/keys/key-store.ts";
import { isPromise } from "../../realms.ts";
import type { Awaitable, Clock } from "../../types.ts";
import { expectOwner, OverrideRecords, type RecordChange } from "./override-records.ts";

/** What could not be stored is tried again after so long, then twice that, and so on; milliseconds. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;
/** Somebody else may be faster so often in a row; who always is has run wild. */
const mostConflicts = 100;

export interface JournalOptions {
  readonly store: KeyStore | undefined;
  /** Whose keys these are. */
  readonly owner: string;
  readonly clock: Clock;
  /** The store could not be read or written. */
  readonly failed: (error: unknown) => void;
  /** Others changed these records. */
  readonly changed: (ids: ReadonlySet<string>) => void;
}

/**
 * What is remembered of keys, in this process at once and in the key store soon after. When somebody else was faster, their
 * records are read and the own changes are made again on them, so that nothing is lost.
 */
export class OverrideJournal implements KeptOverrides {
  readonly #options: JournalOptions;
  readonly #store: KeyStore | undefined;
  #records = new OverrideRecords();
  #version = "";
  /** Changes that are not stored yet, in order. */
  #waiting: RecordChange[] = [];
  /** A version somebody else may have made; `null`: any. */
  #told: string | null | undefined;
  /** The store has these keys' owner. */
  #isOwn = false;
  #working: Promise<void> | undefined;
  #loading: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #retryMs = firstRetryMs;
  #cancelRetry: (() => void) | undefined;
  #unsubscribe: Unsubscribe | undefined;
  #closed = false;
  /** Was it told that the records cannot be read? Every request would find out again. */
  #isUnreadTold = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** Is there a store? Then every key has its record. */
  get isKept(): boolean {
    return this.#store !== undefined;
  }

  get keepsSecrets(): boolean {
    return this.#store?.storesSecrets === true;
  }

  get(id: string): KeyRecord | undefined {
    return this.#records.all.get(id);
  }

  get records(): IterableIterator<KeyRecord> {
    return this.#records.all.values();
  }

  /**
   * Reads the store. Synchronous when the store is. Changes made before stay.
   * @throws KeyStoreError when that fails; InvalidOptionsError when it holds another provider's keys.
   */
  load(): Awaitable<void> {
    const store = this.#store;
    if (store === undefined) return;
    if (this.#loading !== undefined) return this.#loading;
    // What is read now must not take the place of what is stored meanwhile.
    if (this.#working !== undefined) return this.#working.then(() => this.load());
    let loaded: Awaitable<KeyRecords>;
    try {
      loaded = this.#read(store);
    } catch (cause) {
      throw unread(cause);
    }
    if (!isPromise(loaded)) return this.#take(loaded);
    this.#loading = this.#takeLate(loaded).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /** Reads the store again; a failure is told, and what was known stays. */
  async refresh(): Promise<void> {
    this.#told = null;
    await this.#settled();
  }

  /** Makes changes now, and stores them soon. */
  note(changes: readonly RecordChange[]): void {
    for (const change of changes) change(this.#records);
    if (this.#store === undefined) return;
    for (const change of changes) this.#waiting.push(change);
    void Promise.resolve().then(() => this.#work());
  }

  /**
   * Waits until all changes are stored, and those of others that were told of are known.
   * @throws KeyStoreError when that fails; it is tried again later.
   */
  async flushed(): Promise<void> {
    await this.#settled();
    if (this.#failure === undefined) return;
    const message = "Changes to keys could not be stored. They hold in this process, and storing them is tried again.";
    throw new KeyStoreError(message, { cause: this.#failure.error });
  }

  /** @throws KeyStoreError when the last changes cannot be stored. The store is closed all the same. */
  async close(): Promise<void> {
    this.#unsubscribe?.();
    // Nor does what is read from here on begin to listen.
    this.#unsubscribe = () => {};
    try {
      await this.flushed();
    } catch (error) {
      if (!KeyStoreError.isInstance(error)) throw error;
      const message = "Changes to keys could not be stored before closing, and are lost.";
      throw new KeyStoreError(message, { cause: error.cause });
    } finally {
      this.#closed = true;
      this.#cancelRetry?.();
      await this.#store?.close?.();
    }
  }

  /** Of a store that is somebody else's nothing is read. */
  #read(store: KeyStore): Awaitable<KeyRecords> {
    const holder = this.#isOwn ? undefined : store.claim?.(this.#options.owner);
    return isPromise(holder) ? holder.then((late) => this.#readOwn(store, late)) : this.#readOwn(store, holder);
  }

  #readOwn(store: KeyStore, holder = this.#options.owner): Awaitable<KeyRecords> {
    expectOwner(this.#options.owner, holder);
    this.#isOwn = true;
    this.#unsubscribe ??= store.watch?.((version) => this.#hear(version));
    return store.load();
  }

  async #takeLate(loaded: Promise<KeyRecords>): Promise<void> {
    try {
      this.#take(await loaded);
      this.#isUnreadTold = false;
    } catch (cause) {
      const error = unread(cause);
      if (!this.#isUnreadTold) {
        this.#isUnreadTold = true;
        this.#options.failed(error);
      }
      throw error;
    }
  }

  #hear(version: string): void {
    if (version === this.#version && this.#working === undefined) return;
    if (this.#told !== null) this.#told = version;
    void Promise.resolve().then(() => this.#work());
  }

  /** A whole round of work from now on, if there is a store. */
  async #settled(): Promise<void> {
    await this.#working;
    if (this.#store !== undefined) await this.#work();
  }

  /** One round of work at a time, for all who ask meanwhile. Never rejects. */
  #work(): Promise<void> {
    this.#working ??= this.#storeAll().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #storeAll(): Promise<void> {
    const store = this.#store as KeyStore;
    await this.#loading?.catch(() => {});
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    try {
      for (let conflicts = 0; ; ) {
        const isUnread = !this.#isOwn && this.#waiting.length > 0;
        if (isUnread || (this.#told !== undefined && this.#told !== this.#version)) {
          await this.#catchUp(store);
          continue;
        }
        if (this.#waiting.length === 0) break;
        if (await this.#storeOnce(store)) continue;
        if (++conflicts > mostConflicts) throw new Error(`Others changed the records ${conflicts} times in a row`);
        await this.#catchUp(store);
      }
      this.#failure = undefined;
      this.#retryMs = firstRetryMs;
    } catch (error) {
      this.#failure = { error };
      this.#options.failed(error);
      this.#retryLater();
    }
  }

  /** Returns whether nobody else was faster. */
  async #storeOnce(store: KeyStore): Promise<boolean> {
    const records = this.#records;
    const count = this.#waiting.length;
    const changes = records.takeChanges();
    if (changes.put.length + changes.drop.length > 0) {
      try {
        const { applied, version } = await store.apply(changes, this.#version);
        if (!applied) {
          records.returnChanges(changes);
          return false;
        }
        this.#version = version;
      } catch (error) {
        records.returnChanges(changes);
        throw error;
      }
    }
    this.#waiting.splice(0, count);
    return true;
  }

  async #catchUp(store: KeyStore): Promise<void> {
    // Before reading: what is told meanwhile may be newer than what is read.
    this.#told = undefined;
    try {
      this.#take(await this.#read(store));
    } catch (cause) {
      this.#told = null;
      throw unread(cause);
    }
  }

  /** Takes over what the store has, with what is not stored yet made anew on it. */
  #take({ version, records }: KeyRecords): void {
    const before = this.#records;
    const now = new OverrideRecords(records);
    for (const change of this.#waiting) change(now);
    this.#records = now;
    this.#version = version;
    const ids = now.differencesTo(before);
    if (ids.size > 0) this.#options.changed(ids);
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#cancelRetry = this.#options.clock.timer(() => void this.#work(), this.#retryMs, true);
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }
}

function unread(cause: unknown): Error {
  if (InvalidOptionsError.isInstance(cause) && cause.field === "keyStore") return cause;
  return new KeyStoreError("What operators changed of the keys could not be read from the key store.", {
    cause,
    operation: "read",
  });
}
