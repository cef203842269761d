import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { StateFileError } from "../../errors.ts";
import { isError } from "../../realms.ts";
import type { Clock } from "../../types.ts";

/** Characters that are made and written in one go: about a millisecond of work. */
const sliceLength = 65_536;
/** Records looked at in one go, where most are worth no text. */
const sliceRecords = 2000;

/** One at a time: where a file system refuses new directories as unknown, Node's own recursive way never ends. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else was first.
    if (!existsSync(path)) throw error;
  }
}

/** The absolute path of the file itself, where a link leads to it. Makes its directory, for this user alone. */
export function prepareFile(path: string): string {
  const file = resolve(path);
  try {
    makeDirectory(dirname(file));
    return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ? realpathSync(file) : file;
  } catch (cause) {
    throw unreadable(file, "its directory cannot be made or read", cause);
  }
}

/** What the file holds, parsed; `undefined` when there is none. Changes nothing. */
export function readFile(file: string, advice = adviceToStartAnew): unknown {
  let stats: Stats | undefined;
  let text: string;
  try {
    stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    text = stats.isFile() ? readFileSync(file, "utf8") : "";
  } catch (cause) {
    throw unreadable(file, "it cannot be read", cause);
  }
  if (!stats.isFile()) throw unreadable(file, "it is no file", undefined);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const message = `The state file ${file} is torn: ${stats.size} bytes that are not complete JSON. ${advice}`;
    throw new StateFileError(file, "damaged", message, { cause: withoutText(error) });
  }
}

export const adviceToStartAnew =
  "It is left as it is. Move it away to start with nothing counted, or put a copy of it back.";

/** A parser quotes what it read, and a path may have been mixed up with that of a file of secrets. */
function withoutText(error: unknown): SyntaxError {
  const position = /position (\d+)/.exec(isError(error) ? error.message : "")?.[1];
  return new SyntaxError(position === undefined ? "Not complete JSON" : `Not JSON from position ${position} on`);
}

/** Takes from everybody else what an operator or a copy gave them. */
export function tightenMode(file: string): void {
  if (process.platform === "win32") return;
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined && (stats.mode & 0o077) !== 0) chmodSync(file, 0o600);
  } catch (cause) {
    throw unreadable(file, "others may read it, and that cannot be changed", cause);
  }
}

/** Removes what a process that was killed while saving left behind. */
export function removeDrafts(file: string): void {
  for (const draft of [draftOf(file), lastDraftOf(file)]) {
    try {
      rmSync(draft, { force: true });
    } catch {
      // What cannot be removed is told by the first save.
    }
  }
}

/**
 * Replaces the file as a whole or not at all, a slice at a time: nobody waits long for it. Returns how many milliseconds of
 * this thread it took.
 */
export async function writeFile(file: string, parts: Iterable<string>, clock: Clock): Promise<number> {
  const draft = draftOf(file);
  let busyMs = 0;
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", 0o600);
  try {
    const slices = inSlices(parts);
    for (;;) {
      const startedAt = clock.monotonic();
      const { done, value } = slices.next();
      busyMs += clock.monotonic() - startedAt;
      if (done === true) break;
      await handle.writeFile(value);
    }
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(draft, { force: true });
    throw error;
  }
  await handle.close();
  await rename(draft, file);
  await syncDirectory(file);
  return busyMs;
}

/** The same at once, for a process that ends. Its draft is another: one that was under way may still be written to. */
export function writeFileNow(file: string, parts: Iterable<string>): void {
  const draft = lastDraftOf(file);
  rmSync(draft, { force: true });
  const opened = openSync(draft, "wx", 0o600);
  try {
    for (const slice of inSlices(parts)) writeAll(opened, slice);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
  renameSync(draft, file);
}

function writeAll(opened: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(opened, bytes, written);
}

function* inSlices(parts: Iterable<string>): Generator<string, void> {
  let slice = "";
  let records = 0;
  for (const part of parts) {
    slice += part;
    if (slice.length < sliceLength && ++records < sliceRecords) continue;
    yield slice;
    slice = "";
    records = 0;
  }
  yield slice;
}

/** Makes the renaming last through a power failure, where a directory can be opened. */
async function syncDirectory(file: string): Promise<void> {
  try {
    const directory = await open(dirname(file), "r");
    await directory.sync().finally(() => directory.close());
  } catch {
    // Windows and some network file systems know no such thing.
  }
}

function draftOf(file: string): string {
  return `${file}.tmp`;
}

function lastDraftOf(file: string): string {
  return `${file}.exit.tmp`;
}

function unreadable(file: string, why: string, cause: unknown): StateFileError {
  const message = `The state file ${file} cannot be used: ${why}. Correct that, or choose another path.`;
  return new StateFileError(file, "unreadable", message, cause === undefined ? undefined : { cause });
}
