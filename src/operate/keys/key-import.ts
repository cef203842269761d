import { expectKnown, expectOneOf, expectString } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { PooledKey } from "../../pool/keys/key-pool.ts";
import type { KeyChange, KeyRegistry } from "../../pool/keys/key-registry.ts";
import { type KeyEntries, type ResolvedKey, toEntries } from "../../pool/keys/key-source.ts";
import type { KeyConfig } from "../../types.ts";
import type { KeyIndex, OperatorOverrides } from "./operator-overrides.ts";

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

export interface ImportPlan {
  readonly mode: "append" | "replace";
  readonly batch: string;
  readonly entries: KeyEntries;
}

/** @throws InvalidOptionsError for options that cannot work, for what is no list of keys, and for an empty one. */
export function planImport(keys: unknown, options: ImportOptions, wallMs: number): ImportPlan {
  expectKnown("options", options, { mode: true, batch: true });
  const { mode = "append", batch = `batch_${Math.floor(wallMs / 1000)}` } = options;
  expectOneOf("mode", mode, ["append", "replace"]);
  return { mode, batch: expectString("batch", batch), entries: toEntries(keys) };
}

/** What an entry turned out to be; the key's number is looked up at the end. */
type Finding = Omit<ImportResult, "ordinal">;

/** Takes entries in, one after the other. What is wrong with one concerns no other. */
export class KeyImport {
  readonly #overrides: OperatorOverrides;
  readonly #registry: KeyRegistry;
  readonly #batch: string;
  readonly #known: KeyIndex;
  /** Ids of this input's keys, by id and by secret as it was given. */
  readonly #bySecret = new Map<KeyConfig["secret"], string>();
  readonly #ids = new Set<string>();
  readonly #findings: Finding[] = [];
  readonly changes: KeyChange[] = [];

  constructor(overrides: OperatorOverrides, registry: KeyRegistry, batch: string) {
    this.#overrides = overrides;
    this.#registry = registry;
    this.#batch = batch;
    this.#known = overrides.index();
  }

  /** Ids of the keys of this input, in its order. */
  get ids(): readonly string[] {
    return [...this.#ids];
  }

  take(entries: KeyEntries, place: number): void {
    try {
      const key = entries.resolve(place, this.#registry.fingerprint);
      this.#findings.push(this.#taken(entries.field(place), key));
    } catch (error) {
      if (!InvalidOptionsError.isInstance(error)) throw error;
      this.#findings.push({ outcome: "invalid", id: null, message: error.message });
    }
  }

  report(removed: number): ImportReport {
    const count = (outcome: ImportResult["outcome"]): number =>
      this.#findings.filter((finding) => finding.outcome === outcome).length;
    return {
      batch: this.#batch,
      results: this.#findings.map(({ outcome, id, message }) => {
        const ordinal = id === null ? null : (this.#registry.pool.keys.get(id)?.ordinal ?? null);
        return { outcome, id, ordinal, message };
      }),
      created: count("created"),
      existed: count("existed"),
      invalid: count("invalid"),
      duplicates: count("duplicate_in_input"),
      removed,
    };
  }

  #taken(field: string, key: ResolvedKey): Finding {
    const twin = this.#bySecret.get(key.secret);
    if (twin !== undefined) return { outcome: "duplicate_in_input", id: twin, message: "An earlier entry counts" };
    const owner = this.#overrides.ownerOf(key, this.#known);
    const id = owner?.id ?? key.id;
    if (owner !== undefined && !this.#isHis(owner, key)) throw taken(`${field}.id`, this.#ids.has(id));
    this.#bySecret.set(key.secret, id);
    this.#ids.add(id);
    if (owner?.secret.isKnown === true) return { outcome: "existed", id, message: null };
    const { batch = this.#batch } = key;
    const change = this.#overrides.give({ ...key, batch }, owner);
    if (change !== undefined) this.changes.push(change);
    if (owner === undefined) return { outcome: "created", id, message: null };
    return { outcome: "existed", id, message: "Its secret is known again" };
  }

  #isHis(owner: PooledKey, { secret }: ResolvedKey): boolean {
    return owner.config.secret === secret || this.#overrides.lacks(owner, secret);
  }
}

function taken(field: string, isEarlier: boolean): InvalidOptionsError {
  const came = isEarlier
    ? "one that an earlier entry has"
    : "that of a key with another secret; `replace(id, secret)` gives that key a new one";
  return new InvalidOptionsError(field, `Expected \`${field}\` to be one that no other key has, got ${came}`);
}
