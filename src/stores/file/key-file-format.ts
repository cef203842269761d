import { unexpected } from "../../checks.ts";
import { InvalidOptionsError, StateFileError } from "../../errors.ts";
import { expectKeyRecord, type KeyRecord } from "../../pool/keys/key-store.ts";

const format = "rotating-fetch/keys";
/** From 2 on, files say whose keys they hold; an earlier version would not mind, and so cannot read them. */
const formatVersion = 2;

export interface KeyFileContent {
  /** Whose keys these are. @default nobody said so yet */
  readonly owner: string | undefined;
  readonly records: readonly KeyRecord[];
}

export const adviceToBeginAnew =
  "It is left as it is. Move it away to begin without what operators changed, or put a copy of it back.";

/** The text of a key file, a line for a record. */
export function* keyFileText(owner: string | undefined, records: Iterable<KeyRecord>): Generator<string, void> {
  const told = owner === undefined ? '"version":1' : `"version":${formatVersion},"owner":${JSON.stringify(owner)}`;
  yield `{"format":${JSON.stringify(format)},${told},"records":[`;
  let separator = "\n";
  for (const record of records) {
    yield separator + JSON.stringify(record);
    separator = ",\n";
  }
  yield "\n]}\n";
}

/**
 * What a file's parsed text holds.
 * @throws StateFileError when it is something else's, damaged or of a later version. No value of it is told: it may be a secret.
 */
export function contentOf(path: string, content: unknown): KeyFileContent {
  const file = content as { [field in "format" | "version" | "owner" | "records"]?: unknown } | null;
  if (typeof file !== "object" || file === null || file.format !== format) {
    throw refused(path, "foreign", "is no key file of rotating-fetch's");
  }
  const { version, owner, records } = file;
  if (typeof version === "number" && version > formatVersion) {
    const message = `was written by a later version of rotating-fetch (format ${version}, this one reads ${formatVersion}). Use that version`;
    throw refused(path, "too_new", message);
  }
  if (version !== 1 && version !== formatVersion) {
    throw refused(path, "damaged", "is damaged (its `version` is none)");
  }
  if (owner !== undefined && (typeof owner !== "string" || owner === "")) {
    throw refused(path, "damaged", "is damaged (its `owner` is none)");
  }
  if (!Array.isArray(records)) throw refused(path, "damaged", "is damaged (its `records` are no list)");
  try {
    return { owner, records: expectRecords(records) };
  } catch (error) {
    if (!InvalidOptionsError.isInstance(error)) throw error;
    throw refused(path, "damaged", `is damaged (\`${error.field}\` is not what it should be)`);
  }
}

function refused(path: string, problem: "foreign" | "damaged" | "too_new", what: string): StateFileError {
  return new StateFileError(path, problem, `The state file ${path} ${what}. ${adviceToBeginAnew}`);
}

function expectRecords(values: readonly unknown[]): readonly KeyRecord[] {
  const ids = new Set<string>();
  const ordinals = new Set<number>();
  for (const [place, value] of values.entries()) {
    const field = `records[${place}]`;
    const { id, ordinal } = expectKeyRecord(field, value);
    if (ids.has(id)) throw unexpected(`${field}.id`, "unique", id);
    ids.add(id);
    if (ordinal === null) continue;
    if (ordinals.has(ordinal)) throw unexpected(`${field}.ordinal`, "unique", ordinal);
    ordinals.add(ordinal);
  }
  return values as readonly KeyRecord[];
}
