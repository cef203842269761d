import type { GivenCredential, KeyRecord } from "../../../pool/keys/key-store.ts";

/** A record as it is kept: what is secret of it encrypted. */
export interface StoredRecord extends Omit<KeyRecord, "given"> {
  readonly sealed?: string | undefined;
}

type Test = (value: unknown) => boolean;
type Tests<T> = { readonly [name in keyof Required<T>]: Test };

const isText: Test = (value) => typeof value === "string";
const isName: Test = (value) => typeof value === "string" && value !== "";
const isBoolean: Test = (value) => typeof value === "boolean";
const isNumber: Test = (value) => typeof value === "number" && Number.isFinite(value);
const isWeight: Test = (value) => isNumber(value) && (value as number) > 0;
const isOrdinal: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const isObject: Test = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts: Test = (value) => isObject(value) && Object.values(value as object).every(isText);
const orNull =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);
const orAbsent =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);
const listOf =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) && value.every(test);

const settingTests: Tests<KeyRecord["settings"]> = {
  enabled: orAbsent(isBoolean),
  disabledReason: orAbsent(isText),
  weight: orAbsent(isWeight),
  priority: orAbsent(isNumber),
  account: orAbsent(orNull(isName)),
  note: orAbsent(orNull(isText)),
  models: orAbsent(orNull((value) => listOf(isText)(value) || isTexts(value))),
};

const recordTests: Tests<StoredRecord> = {
  id: isName,
  fingerprint: orNull(isText),
  ordinal: orNull(isOrdinal),
  addedBy: (value) => value === "operator" || value === "source",
  removed: isBoolean,
  batch: orNull(isText),
  settings: isObject,
  replaces: orAbsent(orNull(isText)),
  sealed: orAbsent(isName),
};

const credentialTests: Tests<GivenCredential> = {
  secret: isName,
  provider: orAbsent(isName),
  baseURL: orAbsent(isName),
  credential: orAbsent(isObject),
  headers: orAbsent(isTexts),
  query: orAbsent(isTexts),
  egress: orAbsent(isName),
  limits: orAbsent(listOf(isObject)),
};

/** What is wrong with it, for a message; `undefined`: it is a record. */
export function wrongInRecord(value: unknown): string | undefined {
  return wrongIn("", value, recordTests) ?? wrongIn("settings.", (value as StoredRecord).settings, settingTests);
}

export function wrongInCredential(value: unknown): string | undefined {
  return wrongIn("", value, credentialTests);
}

function wrongIn(path: string, value: unknown, tests: Readonly<Record<string, Test>>): string | undefined {
  if (!isObject(value)) return "it is no object";
  const fields = value as Readonly<Record<string, unknown>>;
  const wrong = Object.entries(tests).find(([name, test]) => !test(fields[name]));
  if (wrong !== undefined) return `\`${path}${wrong[0]}\` is not what it should be`;
  // What a later version knows must not get lost here. The name is not repeated: it may be anything.
  const isKnown = Object.keys(fields).every((name) => Object.hasOwn(tests, name));
  return isKnown ? undefined : "it has a field that this version does not know";
}
