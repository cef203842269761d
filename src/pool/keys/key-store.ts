import { expectBoolean, expectKnown, expectNumber, expectOneOf, expectString, unexpected } from "../../checks.ts";
import { InvalidOptionsError } from "../../errors.ts";
import type { Unsubscribe } from "../../limits/store.ts";
import type { Awaitable, Limit } from "../../types.ts";
import type { KeyCredential } from "./key-config.ts";
import { expectUpdate, type KeySettings, resolveKey } from "./key-source.ts";

/** What is or may hold a credential. Only in a store that keeps secrets. */
export interface GivenCredential {
  readonly secret: string;
  /** Name of its provider, where that is not the pool's. */
  readonly provider?: string | undefined;
  readonly baseURL?: string | undefined;
  readonly credential?: KeyCredential | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly egress?: string | undefined;
  readonly limits?: readonly Limit[] | undefined;
}

/** What is to be remembered of one key. Plain data, as JSON has it. */
export interface KeyRecord {
  readonly id: string;
  /** Names the key's current secret; `null` where a function fetches it. */
  readonly fingerprint: string | null;
  /** Its number in the list, from 1, never another key's; `null`: it left with a list that was replaced. */
  readonly ordinal: number | null;
  readonly addedBy: "operator" | "source";
  /** An operator took it out: it stays out although the source lists it. */
  readonly removed: boolean;
  /** Name of the import it came with. */
  readonly batch: string | null;
  readonly settings: KeySettings;
  /**
   * An operator replaced the secret its source lists: the fingerprint of that one, `null` where a function fetches it. The
   * operator's is used until the source lists another one. @default not replaced
   */
  readonly replaces?: string | null | undefined;
  /** What an operator gave. @default not kept, or from the source */
  readonly given?: GivenCredential | undefined;
}

export interface KeyRecords {
  /** Names this state of the records; another one after every change. */
  readonly version: string;
  readonly records: readonly KeyRecord[];
}

/** What is to be changed, all of it or nothing. */
export interface KeyChanges {
  /** Records that are new, or take the place of the one with their id. */
  readonly put: readonly KeyRecord[];
  /** Ids of records to be forgotten. */
  readonly drop: readonly string[];
}

export interface KeyChangeAnswer {
  /** `false`: the records were not at the expected version, and nothing was changed. */
  readonly applied: boolean;
  /** The version there is now. */
  readonly version: string;
}

/**
 * Where operators' changes to keys outlive the process: keys they imported or took out, switches, weights and notes. It is
 * asked when a pool begins and when somebody changes keys, never by a request. One store holds the keys of one pool; rotators
 * that share it, in one process or in many, share these keys.
 */
export interface KeyStore {
  /** May records carry secrets? Otherwise they never do. */
  readonly storesSecrets: boolean;
  /**
   * Says whose keys these are, before any of them is read: the provider, and where it lives unless that is well known. No
   * secret. The first to say so is remembered as long as the records are; returns who that was, in one atomic step. With another
   * owner than oneself the records are to be left alone: keys would be sent to a stranger.
   * @default nobody remembers: only rotators of one process are kept apart
   */
  claim?(owner: string): Awaitable<string>;
  load(): Awaitable<KeyRecords>;
  /** One atomic step: changes nothing unless the records are at `expectedVersion`. */
  apply(changes: KeyChanges, expectedVersion: string): Awaitable<KeyChangeAnswer>;
  /** Calls back after every change, whoever made it, with the version there is now. */
  watch?(listener: (version: string) => void): Unsubscribe;
  close?(): Awaitable<void>;
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

const givenFields: { readonly [field in keyof Required<GivenCredential>]: true } = {
  secret: true,
  provider: true,
  baseURL: true,
  credential: true,
  headers: true,
  query: true,
  egress: true,
  limits: true,
};

/**
 * A record as somebody kept it, before it is believed.
 * @throws InvalidOptionsError naming the field that is not what it should be.
 */
export function expectKeyRecord(field: string, value: unknown): KeyRecord {
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
  expectKnown(`${field}.given`, given, givenFields);
  const { provider, ...key } = given;
  if (provider !== undefined) expectString(`${field}.given.provider`, provider);
  resolveKey(`${field}.given`, { ...key, secret: expectString(`${field}.given.secret`, given.secret) }, () => id);
  return value as KeyRecord;
}

function expectSettings(field: string, value: unknown): void {
  if (typeof value !== "object" || value === null) throw unexpected(field, "an object", value);
  const { disabledReason, ...update } = value as KeySettings;
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
