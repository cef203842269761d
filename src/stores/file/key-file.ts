import { expectBoolean, expectKnown, expectString } from "../../checks.ts";
import { systemClock } from "../../clock.ts";
import { InvalidOptionsError, StateFileError } from "../../errors.ts";
import type { Unsubscribe } from "../../limits/store.ts";
import type { KeyChangeAnswer, KeyChanges, KeyRecord, KeyRecords, KeyStore } from "../../pool/keys/key-store.ts";
import type { Awaitable } from "../../types.ts";
import { keepable } from "../memory-key-store.ts";
import { FileLock } from "./file-lock.ts";
import { adviceToBeginAnew, contentOf, type KeyFileContent, keyFileText } from "./key-file-format.ts";
import { prepareFile, readFile, removeDrafts, tightenMode, writeFile, writeFileNow } from "./state-file.ts";

export interface KeyFileOptions {
  /**
   * The file that keeps the records. It and its directory are made when they are not there, for this user alone (modes 0600 and
   * 0700). Beside it stand `<path>.lock` and, while saving, `<path>.tmp`.
   */
  readonly path: string;
  /**
   * Keep the secrets operators give, as plain text. Without it a key they imported stands in the list after a restart, switched
   * off, until it is given again. @default false
   */
  readonly storeSecrets?: boolean | undefined;
}

/**
 * Operators' changes to keys in a file, for one pool of one process at a time. A change is in the file, as a whole, before
 * `apply` answers.
 *
 * @example
 * import { createRotatingFetch } from "rotating-fetch";
 * import { KeyFile } from "rotating-fetch/node";
 *
 * const keyStore = KeyFile.open({ path: "./state/operators.json", storeSecrets: true });
 * const fetch = createRotatingFetch({ provider: "openai", keys, keyStore });
 */
export class KeyFile implements KeyStore {
  /** The build calls a class that mentions itself by another name. */
  static readonly name = "KeyFile";

  /** The file, as an absolute path. */
  readonly path: string;
  readonly storesSecrets: boolean;
  readonly #lock: FileLock;
  readonly #listeners = new Set<(version: string) => void>();
  #owner: string | undefined;
  #records: ReadonlyMap<string, KeyRecord>;
  /** What is being written. */
  #writing: ReadonlyMap<string, KeyRecord> | undefined;
  #revision = 0;
  /** Changes follow one another. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  readonly #atExit = (): void => this.#endAtExit();

  private constructor(path: string, storesSecrets: boolean, lock: FileLock, { owner, records }: KeyFileContent) {
    this.path = path;
    this.storesSecrets = storesSecrets;
    this.#lock = lock;
    this.#owner = owner;
    this.#records = new Map(records.map((record) => [record.id, keepable(record, true)]));
    process.on("exit", this.#atExit);
  }

  /**
   * Opens the file, or begins a new one where there is none yet.
   * @throws InvalidOptionsError when an option cannot work, and without `storeSecrets` for a file that holds secrets.
   * @throws StateFileError when another process has the file, or it is torn, foreign, of a later version or cannot be read. It is
   * left as it is.
   */
  static open(options: KeyFileOptions): KeyFile {
    expectKnown("options", options, { path: true, storeSecrets: true });
    const { storeSecrets = false } = options;
    expectBoolean("storeSecrets", storeSecrets);
    const file = prepareFile(expectString("path", options.path));
    const lock = new FileLock(file);
    try {
      const content = readFile(file, adviceToBeginAnew);
      const kept = content === undefined ? { owner: undefined, records: [] } : contentOf(file, content);
      if (!storeSecrets) refuseSecrets(file, kept.records);
      tightenMode(file);
      removeDrafts(file);
      return new KeyFile(file, storeSecrets, lock, kept);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Whose keys the file holds: the first to say so. It is in the file at once, or with the first record.
   * @throws StateFileError when that cannot be written.
   */
  claim(owner: string): Awaitable<string> {
    if (this.#owner !== undefined) return this.#owner;
    // What is being written now does not tell of an owner.
    if (this.#writing !== undefined) return this.#last.then(() => this.claim(owner));
    if (this.#records.size > 0) this.#writeOwner(owner);
    this.#owner = owner;
    return owner;
  }

  load(): KeyRecords {
    return { version: String(this.#revision), records: [...this.#records.values()] };
  }

  /** @throws StateFileError when the file cannot be written: nothing is changed then. */
  apply(changes: KeyChanges, expectedVersion: string): Promise<KeyChangeAnswer> {
    const applied = this.#last.then(() => this.#applyNext(changes, expectedVersion));
    this.#last = applied.catch(() => {});
    return applied;
  }

  watch(listener: (version: string) => void): Unsubscribe {
    const own = (version: string): void => listener(version);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Waits for what is being written and gives the file up. A rotator's `close()` calls it. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #applyNext({ put, drop }: KeyChanges, expectedVersion: string): Promise<KeyChangeAnswer> {
    if (expectedVersion !== String(this.#revision)) return { applied: false, version: String(this.#revision) };
    if (this.#closing !== undefined) throw unsaved(this.path, "it was closed", undefined);
    const records = new Map(this.#records);
    for (const id of drop) records.delete(id);
    for (const record of put) records.set(record.id, keepable(record, this.storesSecrets));
    await this.#write(records);
    this.#records = records;
    const version = String(++this.#revision);
    this.#tell(version);
    return { applied: true, version };
  }

  async #write(records: ReadonlyMap<string, KeyRecord>): Promise<void> {
    this.#writing = records;
    try {
      this.#lock.confirm();
      await writeFile(this.path, keyFileText(this.#owner, records.values()), systemClock);
    } catch (cause) {
      throw unwritten(this.path, cause);
    } finally {
      this.#writing = undefined;
    }
  }

  #writeOwner(owner: string): void {
    if (this.#closing !== undefined) throw unsaved(this.path, "it was closed", undefined);
    try {
      this.#lock.confirm();
      writeFileNow(this.path, keyFileText(owner, this.#records.values()));
    } catch (cause) {
      throw unwritten(this.path, cause);
    }
  }

  #tell(version: string): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(version);
      } catch {
        // The change is made, whoever cannot hear of it.
      }
    }
  }

  async #close(): Promise<void> {
    await this.#last;
    process.off("exit", this.#atExit);
    this.#lock.release();
  }

  /** Promises are not kept any more at exit, so what was being written is written at once. */
  #endAtExit(): void {
    try {
      if (this.#writing !== undefined) {
        this.#lock.confirm();
        writeFileNow(this.path, keyFileText(this.#owner, this.#writing.values()));
      }
    } catch {
      // The file is as it was, and nobody is left to be told.
    }
    try {
      this.#lock.release();
    } catch {
      // The next process finds that this one is dead.
    }
  }
}

/** Whether they may be lost is for somebody to decide. */
function refuseSecrets(path: string, records: readonly KeyRecord[]): void {
  const count = records.filter(({ given }) => given !== undefined).length;
  if (count === 0) return;
  throw new InvalidOptionsError(
    "storeSecrets",
    `Expected \`storeSecrets\` to be true, as ${path} holds the secrets of ${count} keys, got false. ` +
      "To have them forgotten, delete `given` from its records",
  );
}

function unwritten(path: string, cause: unknown): StateFileError {
  if (StateFileError.isInstance(cause)) return cause;
  return unsaved(path, (cause as NodeJS.ErrnoException).code ?? "it failed", cause);
}

function unsaved(path: string, why: string, cause: unknown): StateFileError {
  const message = `The state file ${path} could not be saved (${why}). Requests go on.`;
  return new StateFileError(path, "unsaved", message, cause === undefined ? undefined : { cause });
}
