import { KeyStoreError } from "../../../errors.ts";
import type { GivenCredential, KeyRecord } from "../../../pool/keys/key-store.ts";
import { type CredentialCipher, SealError } from "./credential-cipher.ts";
import { type StoredRecord, wrongInCredential, wrongInRecord } from "./record-shape.ts";

/** A record, and the text that is kept of it. */
export interface KeptRecord {
  readonly record: KeyRecord;
  readonly text: string;
  /** Its encrypted part. */
  readonly sealed: string | undefined;
}

/** Turns records into the texts that are kept, and back. Without a cipher no secret goes in, and none comes out. */
export class RecordText {
  readonly #pool: string;
  readonly #cipher: CredentialCipher | undefined;

  constructor(pool: string, cipher: CredentialCipher | undefined) {
    this.#pool = pool;
    this.#cipher = cipher;
  }

  /** @throws KeyStoreError for a record that could not be read again. */
  async write({ given, ...rest }: KeyRecord): Promise<KeptRecord> {
    const cipher = this.#cipher;
    const { id } = rest;
    const sealed = given === undefined ? undefined : await cipher?.seal(id, given);
    const text = JSON.stringify({ ...rest, sealed } satisfies StoredRecord);
    const { sealed: _, ...plain } = this.#parsed(id, text);
    const record = sealed === undefined ? plain : { ...plain, given: structuredClone(given) };
    return { text, sealed, record: deeplyFrozen(record) };
  }

  /** @throws KeyStoreError naming the record, for one that is damaged or cannot be decrypted. */
  async read(id: string, text: string): Promise<KeptRecord> {
    const { sealed, ...record } = this.#parsed(id, text);
    if (sealed === undefined) return { text, sealed, record: deeplyFrozen(record) };
    if (this.#cipher === undefined) {
      throw this.#unusable(id, "holds an encrypted secret, and `encryptionKey` is not set");
    }
    let credential: string;
    try {
      credential = await this.#cipher.open(id, sealed);
    } catch (error) {
      if (!(error instanceof SealError)) throw this.#unusable(id, "could not be decrypted", error);
      throw this.#unusable(id, error.message, error.cause);
    }
    return { text, sealed, record: deeplyFrozen({ ...record, given: this.#credential(id, credential) }) };
  }

  #parsed(id: string, text: string): StoredRecord {
    const record = parsed(text) as StoredRecord;
    const wrong = wrongInRecord(record);
    if (wrong !== undefined) throw this.#unusable(id, `is damaged: ${wrong}`);
    if (record.id !== id) throw this.#unusable(id, "is damaged: it is that of another key");
    return record;
  }

  /** Of the text of a secret nothing is told. */
  #credential(id: string, text: string): GivenCredential {
    const credential = parsed(text) as GivenCredential;
    const wrong = wrongInCredential(credential);
    if (wrong !== undefined) throw this.#unusable(id, `is damaged in its encrypted part: ${wrong}`);
    return credential;
  }

  #unusable(id: string, why: string, cause?: unknown): KeyStoreError {
    const message = `The record of key ${shown(id)} in the pool ${shown(this.#pool)} ${why}.`;
    return new KeyStoreError(message, cause === undefined ? undefined : { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

function deeplyFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) deeplyFrozen(part);
  return Object.freeze(value);
}
