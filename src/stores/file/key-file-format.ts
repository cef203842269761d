import { expectBoolean, expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "../../checks.ts";
import { InvalidOptionsError, StateFileError } from "../../errors.ts";
import { expectUpdate, resolveKey } from "../../pool/keys/key-source.ts";
import type { KeyRecord } from "../../pool/keys/key-store.ts";

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
    const { id, ordinal } = expectRecord(field, value);
    if (ids.has(id)) throw unexpected(`${field}.id`, "unique", id);
    ids.add(id);
    if (ordinal === null) continue;
    if (ordinals.has(ordinal)) throw unexpected(`${field}.ordinal`, "unique", ordinal);
    ordinals.add(ordinal);
  }
  return values as readonly KeyRecord[];
}

const knownFields: { readonly [field in keyof Required<KeyRecord>]: true } = {
  id: true,
  fingerprint: true,
  ordinal: true,
  addedBy: true,
  removed: true,
  batch: true,
  settings: true,
  replaces: true,
  given: true,
};

function expectRecord(field: string, value: unknown): KeyRecord {
  expectKnown(field, value, knownFields);
  const { id, fingerprint, ordinal, addedBy, removed, batch, settings, replaces, given } = value as KeyRecord;
  expectString(`${field}.id`, id);
  if (fingerprint !== null) expectString(`${field}.fingerprint`, fingerprint);
  if (ordinal !== null) expectNumber(`${field}.ordinal`, ordinal, { min: 1, integer: true, finite: true });
  expectOneOf(`${field}.addedBy`, addedBy, ["operator", "source"]);
  expectBoolean(`${field}.removed`, removed);
  if (batch !== null) expectString(`${field}.batch`, batch);
  if (replaces !== undefined && replaces !== null) expectString(`${field}.replaces`, replaces);
  expectSettings(`${field}.settings`, settings);
  if (given === undefined) return value as KeyRecord;
  expectKnown(`${field}.given`, given, { secret: true, baseURL: true, headers: true, query: true, limits: true });
  resolveKey(`${field}.given`, { ...given, secret: expectString(`${field}.given.secret`, given.secret) }, () => id);
  return value as KeyRecord;
}

function expectSettings(field: string, value: unknown): void {
  if (typeof value !== "object" || value === null) throw unexpected(field, "an object", value);
  const { disabledReason, ...update } = value as KeyRecord["settings"];
  if (disabledReason !== undefined && typeof disabledReason !== "string") {
    throw unexpected(`${field}.disabledReason`, "a string", disabledReason);
  }
  try {
    expectUpdate(update);
  } catch (error) {
    if (!InvalidOptionsError.isInstance(error)) throw error;
    throw new InvalidOptionsError(`${field}.${error.field}`, error.message);
  }
}
