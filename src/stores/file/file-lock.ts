import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { StateFileError } from "../../errors.ts";
import { isIdentity, isRunning, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/**
 * Keeps a file to one process, by a second one beside it, `<file>.lock`, that says whose it is. What a dead process of this
 * host left behind is taken over.
 */
export class FileLock {
  readonly #file: string;
  readonly #lock: string;
  readonly #text: string;

  /** @throws StateFileError when another process has it, or the lock cannot be made. */
  constructor(file: string) {
    this.#file = file;
    this.#lock = `${file}.lock`;
    this.#text = `${JSON.stringify({ ...ownIdentity(), token: randomUUID() })}\n`;
    this.#claim();
  }

  /** @throws StateFileError when another process has taken the lock in the meantime. */
  confirm(): void {
    const text = textOf(this.#lock);
    if (text === this.#text) return;
    // Somebody tidied up: as long as nobody else came, it is still ours.
    if (text === undefined) this.#claim();
    else throw this.#inUse(text);
  }

  /** Leaves the lock of another process alone. */
  release(): void {
    if (textOf(this.#lock) === this.#text) rmSync(this.#lock, { force: true });
  }

  #claim(): void {
    const draft = `${this.#lock}.${randomUUID()}`;
    try {
      writeDurably(draft, this.#text);
      if (!place(draft, this.#lock)) this.#takeOver(draft);
    } catch (cause) {
      if (StateFileError.isInstance(cause)) throw cause;
      const message = `The lock ${this.#lock} cannot be made. Let this process write to its directory, or choose another path.`;
      throw new StateFileError(this.#file, "unreadable", message, { cause });
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Of several that find the same dead owner, one replaces its lock; the others find a living owner then. */
  #takeOver(draft: string): void {
    const left = textOf(this.#lock);
    if (left !== undefined && mayRun(left)) throw this.#inUse(left);
    const turn = `${this.#lock}.takeover`;
    if (!place(draft, turn)) {
      const other = textOf(turn);
      if (other !== undefined && mayRun(other)) throw this.#inUse(other);
      rmSync(turn, { force: true });
      if (!place(draft, turn)) throw this.#inUse(textOf(turn) ?? "");
    }
    try {
      const now = textOf(this.#lock);
      if (now === undefined ? !place(draft, this.#lock) : now !== left) throw this.#inUse(now ?? "");
      if (now !== undefined) renameSync(draft, this.#lock);
    } finally {
      rmSync(turn, { force: true });
    }
  }

  #inUse(text: string): StateFileError {
    const message = `The state file ${this.#file} ${whose(ownerIn(text), this.#lock)}`;
    return new StateFileError(this.#file, "in_use", message);
  }
}

function whose(owner: ProcessIdentity | undefined, lock: string): string {
  if (owner === undefined)
    return `has a lock, ${lock}, that names no process. If nobody uses the file, delete the lock.`;
  if (owner.host !== hostname()) {
    return (
      `is in use by process ${owner.pid} on another host, ${JSON.stringify(owner.host)}, where this one cannot see whether it ` +
      `still runs. If it does not, delete ${lock}.`
    );
  }
  const who = owner.pid === process.pid ? `this process (${owner.pid}) already` : `process ${owner.pid}`;
  return `is in use by ${who}. A state file belongs to one store: share the store, or choose another path.`;
}

/** A lock that cannot be read is no proof that its owner is dead. */
function mayRun(text: string): boolean {
  const owner = ownerIn(text);
  return owner === undefined || owner.host !== hostname() || isRunning(owner);
}

function ownerIn(text: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isIdentity(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `undefined`: there is no such file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Puts a complete file in place, unless there is one already. */
function place(draft: string, path: string): boolean {
  try {
    try {
      linkSync(draft, path);
    } catch (error) {
      // Some file systems know no hard links.
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
      copyFileSync(draft, path, constants.COPYFILE_EXCL);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
