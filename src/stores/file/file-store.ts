import { InvalidOptionsError, StateFileError } from "../../errors.ts";
import { dumpText, dumpVersion } from "../../limits/memory/memory-dump.ts";
import { MemoryStore } from "../../limits/memory/memory-store.ts";
import type {
  Candidate,
  Counted,
  Hold,
  Refusal,
  Report,
  Reservation,
  ReserveOptions,
  ScopeState,
  StoreDump,
} from "../../limits/store.ts";
import type { CooldownChange } from "../../types.ts";
import { FileLock } from "./file-lock.ts";
import { type FileStoreOptions, type ResolvedFileStoreOptions, resolveFileStoreOptions } from "./file-store-options.ts";
import {
  adviceToStartAnew,
  prepareFile,
  readFile,
  removeDrafts,
  tightenMode,
  writeFile,
  writeFileNow,
} from "./state-file.ts";

/** Making a save takes one part of the time, everything else at least nine. */
const restPerWork = 9;

/**
 * A `MemoryStore` whose counters and cooldowns survive a restart of the process: it answers from memory, and saves to a file in
 * the background, on `close()` and, as far as that is possible, when the process exits. Keys are named by id; the file holds
 * no secret. Belongs to one process at a time.
 *
 * @example
 * import { createRotatingFetch } from "rotating-fetch";
 * import { FileStore } from "rotating-fetch/node";
 *
 * const store = FileStore.open({ path: "./state/keys.json" });
 * const fetch = createRotatingFetch({ provider: "openai", keys, store });
 */
export class FileStore extends MemoryStore {
  /** The build calls a class that mentions itself by another name. */
  static override readonly name = "FileStore";

  /** The file, as an absolute path. */
  readonly path: string;
  readonly #options: ResolvedFileStoreOptions;
  readonly #lock: FileLock;
  #isChanged = false;
  /** The clock's timer for the next save. */
  #cancelTimer: (() => void) | undefined;
  /** Saves follow one another. */
  #lastSave: Promise<StateFileError | undefined> = Promise.resolve(undefined);
  #isSaving = false;
  #saveAfterMs: number;
  #isFailing = false;
  /** Set when another process has taken the file: writing it would undo what that one counted. */
  #lost: StateFileError | undefined;
  #closing: Promise<void> | undefined;
  readonly #atExit = (): void => this.#saveAtExit();

  private constructor(options: ResolvedFileStoreOptions, file: string, lock: FileLock) {
    // Without the compiler nobody is kept from trying.
    if (!(lock instanceof FileLock))
      throw new InvalidOptionsError("path", "Expected `FileStore.open({ path })`, got `new`");
    super(options);
    this.path = file;
    this.#options = options;
    this.#lock = lock;
    this.#saveAfterMs = options.saveEveryMs;
  }

  /**
   * Opens the file, or begins a new one where there is none yet.
   * @throws InvalidOptionsError when an option cannot work.
   * @throws StateFileError when another process has the file, or it is torn, foreign, of a later version or cannot be read. It is
   * left as it is.
   */
  static open(options: FileStoreOptions): FileStore {
    const resolved = resolveFileStoreOptions(options);
    const file = prepareFile(resolved.path);
    const lock = new FileLock(file);
    try {
      const store = new FileStore(resolved, file, lock);
      store.#start();
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  override reserve(candidates: readonly Candidate[], options: ReserveOptions, into?: Hold): Reservation | Refusal {
    const answer = super.reserve(candidates, options, into);
    if (!this.#isChanged && answer.granted && options.dryRun !== true) this.#changed(true);
    return answer;
  }

  override settle(reports: readonly Report[], atLeast?: readonly Counted[]): readonly ScopeState[] {
    const states = super.settle(reports, atLeast);
    if (!this.#isChanged) this.#changed(false);
    return states;
  }

  override cooldown(changes: readonly CooldownChange[]): readonly ScopeState[] {
    const states = super.cooldown(changes);
    if (!this.#isChanged) this.#changed(true);
    return states;
  }

  override load(dump: StoreDump): void {
    super.load(dump);
    this.#changed(true);
  }

  /**
   * Saves now what has changed since the last save.
   * @throws StateFileError when that fails; it is tried again after `saveEveryMs`.
   */
  async save(): Promise<void> {
    const failure = await this.#queueSave();
    if (failure !== undefined) throw failure;
  }

  /**
   * Saves what has changed and gives the file up. The store goes on counting, but nothing of it is saved any more. A rotator's
   * `close()` calls it.
   * @throws StateFileError when the last save fails. The file is given up all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #start(): void {
    const dump = readFile(this.path);
    if (dump !== undefined) this.#restore(dump);
    tightenMode(this.path);
    removeDrafts(this.path);
    process.on("exit", this.#atExit);
  }

  #restore(dump: unknown): void {
    try {
      super.load(dump as StoreDump);
    } catch (cause) {
      if (!InvalidOptionsError.isInstance(cause)) throw cause;
      throw notOurs(this.path, dump, cause);
    }
  }

  #changed(isNew: boolean): void {
    if (this.#closing !== undefined) {
      if (isNew) this.#tellClosed();
      return;
    }
    this.#isChanged = true;
    this.#saveLater();
  }

  #saveLater(): void {
    if (this.#cancelTimer !== undefined || this.#isSaving || this.#closing !== undefined || this.#lost !== undefined)
      return;
    const save = (): void => {
      this.#cancelTimer = undefined;
      void this.#queueSave();
    };
    this.#cancelTimer = this.clock.timer(save, this.#saveAfterMs, true);
  }

  /** Never rejects: a failure is told, and returned. */
  #queueSave(): Promise<StateFileError | undefined> {
    this.#lastSave = this.#lastSave.then(() => this.#saveChanges());
    return this.#lastSave;
  }

  async #saveChanges(): Promise<StateFileError | undefined> {
    if (!this.#isChanged || this.#lost !== undefined) return this.#lost;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#isChanged = false;
    this.#isSaving = true;
    let failure: StateFileError | undefined;
    try {
      this.#lock.confirm();
      const busyMs = await writeFile(this.path, dumpText(this.contents, this.instant()), this.clock);
      this.#saveAfterMs = Math.max(this.#options.saveEveryMs, busyMs * restPerWork);
      this.#saved();
    } catch (cause) {
      this.#isChanged = true;
      failure = this.#failed(cause);
      if (failure.problem === "in_use") this.#lost = failure;
    }
    this.#isSaving = false;
    if (this.#isChanged) this.#saveLater();
    return failure;
  }

  async #close(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const failure = await this.#queueSave();
    process.off("exit", this.#atExit);
    try {
      this.#lock.release();
    } catch (cause) {
      throw failure ?? unsaved(this.path, cause);
    }
    if (failure !== undefined) throw failure;
  }

  /** Promises are not kept any more at exit, so this is done at once. */
  #saveAtExit(): void {
    try {
      if ((this.#isChanged || this.#isSaving) && this.#lost === undefined) {
        this.#lock.confirm();
        writeFileNow(this.path, dumpText(this.contents, this.instant()));
      }
    } catch (cause) {
      this.#failed(cause);
    }
    try {
      this.#lock.release();
    } catch {
      // The next process finds that this one is dead.
    }
  }

  #saved(): void {
    if (this.#isFailing) this.#log("info", `The state file ${this.path} is saved again.`);
    this.#isFailing = false;
  }

  #failed(cause: unknown): StateFileError {
    const error = StateFileError.isInstance(cause) ? cause : unsaved(this.path, cause);
    if (!this.#isFailing) this.#log("warn", error.message);
    this.#isFailing = true;
    this.#tell(error);
    return error;
  }

  #hasToldClosed = false;

  /** Another rotator on the same store: what it counts would silently be gone after a restart. */
  #tellClosed(): void {
    if (this.#hasToldClosed) return;
    this.#hasToldClosed = true;
    const message =
      `The state file ${this.path} was closed: what its store counts from now on is not saved. ` +
      "Close rotators that share a store together.";
    this.#log("warn", message);
    this.#tell(new StateFileError(this.path, "unsaved", message));
  }

  #log(level: "info" | "warn", message: string): void {
    try {
      this.#options.logger?.[level](message);
    } catch {
      // A logger that throws has nowhere left to be told of.
    }
  }

  #tell(error: StateFileError): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // Nor has this.
    }
  }
}

function notOurs(path: string, dump: unknown, cause: InvalidOptionsError): StateFileError {
  const came = cause.message.replace(
    /^Expected `dump\b[^`]*`/,
    `expected \`${cause.field.replace(/^dump\.?/, "") || "it"}\``,
  );
  if (cause.field === "dump.version" && isLater(dump)) {
    const message = `The state file ${path} was written by a later version of rotating-fetch (${came}). Use that version. ${adviceToStartAnew}`;
    return new StateFileError(path, "too_new", message, { cause });
  }
  const isForeign = cause.field === "dump" || cause.field === "dump.format";
  const what = isForeign ? "is none of rotating-fetch's" : "is damaged";
  const message = `The state file ${path} ${what} (${came}). ${adviceToStartAnew}`;
  return new StateFileError(path, isForeign ? "foreign" : "damaged", message, { cause });
}

function isLater(dump: unknown): boolean {
  return Number((dump as StoreDump).version) > dumpVersion;
}

function unsaved(path: string, cause: unknown): StateFileError {
  const why = (cause as { code?: unknown } | undefined)?.code;
  const code = typeof why === "string" ? ` (${why})` : "";
  const message = `The state file ${path} could not be saved${code}. Requests go on, and saving is tried again.`;
  return new StateFileError(path, "unsaved", message, { cause });
}
