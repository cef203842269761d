import { expectKnown, expectOneOf, expectString } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import { toEntries } from "../../pool/keys/key-list.ts";
import type { KeyChange, KeyRegistry } from "../../pool/keys/key-registry.ts";
import type { ResolvedKey } from "../../pool/keys/key-source.ts";
import type { KeyConfig } from "../../types.ts";
import type { OperatorOverrides } from "./operator-overrides.ts";

export interface ImportOptions {
  /**
   * `"append"` adds to the keys there are. `"replace"` starts a new list: keys that are not in it leave, known ones keep their
   * state and settings, and ordinals are counted anew from 1 in the order of the input.
   * @default "append"
   */
  readonly mode?: "append" | "replace" | undefined;
  /** Name for the keys that are new and bring no `batch` of their own. @default `batch_` and the seconds since the epoch */
  readonly batch?: string | undefined;
}

/** What became of one entry of an import. */
export interface ImportResult {
  readonly outcome: "created" | "existed" | "duplicate_in_input" | "invalid";
  /** `null` for an invalid one. */
  readonly id: string | null;
  readonly ordinal: number | null;
  /** What is wrong with it, or worth knowing; never the secret. */
  readonly message: string | null;
}

export interface ImportReport {
  readonly batch: string;
  /** One for each entry, in its order. */
  readonly results: readonly ImportResult[];
  readonly created: number;
  readonly existed: number;
  readonly invalid: number;
  readonly duplicates: number;
  /** Keys that left because the new list has them not. */
  readonly removed: number;
}

/** What an entry turned out to be; the key's number is looked up at the end. */
type Finding = Omit<ImportResult, "ordinal">;

/** What an import did: its report lacks what leaves because a new list begins. */
export interface Imported {
  readonly mode: "append" | "replace";
  /** Ids of the keys of this input, in its order. */
  readonly ids: readonly string[];
  readonly changes: readonly KeyChange[];
  report(removed: number): ImportReport;
}

/**
 * Takes entries in, one after the other. What is wrong with one concerns no other.
 * @throws InvalidOptionsError for options that cannot work, for what is no list of keys, and for an empty one.
 */
export function importKeys(
  overrides: OperatorOverrides,
  { fingerprint, pool }: KeyRegistry,
  keys: unknown,
  options: ImportOptions,
  wallMs: number,
): Imported {
  expectKnown("options", options, { mode: true, batch: true });
  const mode = expectOneOf("mode", options.mode ?? "append", ["append", "replace"] as const);
  const batch = expectString("batch", options.batch ?? `batch_${Math.floor(wallMs / 1000)}`);
  const entries = toEntries(keys);
  const index = overrides.index();
  const ids = new Set<string>();
  const bySecret = new Map<KeyConfig["secret"], string>();
  const changes: KeyChange[] = [];
  const take = (field: string, key: ResolvedKey): Finding => {
    const twin = bySecret.get(key.secret);
    if (twin !== undefined) return { outcome: "duplicate_in_input", id: twin, message: "An earlier entry counts" };
    const { id, outcome, change } = overrides.admit({ ...key, batch: key.batch ?? batch }, index);
    if (outcome === "taken") throw idTaken(`${field}.id`, ids.has(id));
    bySecret.set(key.secret, id);
    ids.add(id);
    if (change !== undefined) changes.push(change);
    if (outcome === "regained") return { outcome: "existed", id, message: "Its secret is known again" };
    return { outcome, id, message: null };
  };
  const findings = Array.from({ length: entries.count }, (_, place): Finding => {
    try {
      return take(entries.field(place), entries.resolve(place, fingerprint));
    } catch (error) {
      if (!InvalidOptionsError.isInstance(error)) throw error;
      return { outcome: "invalid", id: null, message: error.message };
    }
  });
  const report = (removed: number): ImportReport => {
    const count = (wanted: Finding["outcome"]): number => findings.filter(({ outcome }) => outcome === wanted).length;
    const ordinalOf = (id: string | null): number | null => (id === null ? null : (pool.keys.get(id)?.ordinal ?? null));
    return {
      batch,
      results: findings.map(({ outcome, id, message }) => ({ outcome, id, ordinal: ordinalOf(id), message })),
      created: count("created"),
      existed: count("existed"),
      invalid: count("invalid"),
      duplicates: count("duplicate_in_input"),
      removed,
    };
  };
  return { mode, ids: [...ids], changes, report };
}

/** An id is that of a key with another secret. */
export function idTaken(field: string, isEarlier: boolean): InvalidOptionsError {
  const came = isEarlier
    ? "one that an earlier entry has"
    : "that of a key with another secret; `replace(id, secret)` gives that key a new one";
  return new InvalidOptionsError(field, `Expected \`${field}\` to be one that no other key has, got ${came}`);
}
