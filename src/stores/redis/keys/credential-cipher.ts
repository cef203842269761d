import type { GivenCredential } from "../../../pool/keys/key-store.ts";
import { fromBase64, joined, toBase64, toHex, utf8 } from "./bytes.ts";
import { type CipherKey, cipherKeysOf, type EncryptionKey, identifierBytes, named } from "./encryption-keys.ts";

/** Of what is written here; the first byte of it. */
const sealVersion = 1;
const vectorBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + identifierBytes;

/** What was encrypted cannot be had. The message tells why, and goes after the name of its record. */
export class SealError extends Error {
  override readonly name = "SealError";
}

/**
 * Encrypts credentials with AES-256-GCM, a fresh vector each time. What it wrote opens only for the record and the pool it was
 * written for: `version | identifier of the key | vector | ciphertext and tag`, as base64.
 */
export class CredentialCipher {
  readonly #keys: Promise<readonly CipherKey[]>;
  readonly #prefix: string;
  readonly #pool: string;

  /** @throws InvalidOptionsError for what cannot be a key. */
  constructor(keys: EncryptionKey | readonly EncryptionKey[], prefix: string, pool: string) {
    this.#keys = cipherKeysOf(keys);
    this.#prefix = prefix;
    this.#pool = pool;
  }

  async seal(recordId: string, credential: GivenCredential): Promise<string> {
    const [first] = (await this.#keys) as [CipherKey];
    const header = joined(Uint8Array.of(sealVersion), first.identifier);
    const iv = globalThis.crypto.getRandomValues(new Uint8Array(vectorBytes));
    const parameters = { name: "AES-GCM", iv, additionalData: this.#binding(header, recordId) };
    const sealed = await globalThis.crypto.subtle.encrypt(parameters, first.key, utf8(JSON.stringify(credential)));
    return toBase64(joined(header, iv, new Uint8Array(sealed)));
  }

  /** The text of a credential. @throws SealError when it cannot be had. */
  async open(recordId: string, sealed: string): Promise<string> {
    const bytes = fromBase64(sealed);
    if (bytes === undefined) throw new SealError("is damaged: its encrypted part is no base64");
    if (bytes[0] !== undefined && bytes[0] > sealVersion) {
      throw new SealError(`was encrypted by a later version of rotating-fetch (${bytes[0]})`);
    }
    if (bytes[0] !== sealVersion || bytes.length < headerBytes + vectorBytes + tagBytes) {
      throw new SealError("is damaged: its encrypted part is not whole");
    }
    const keys = await this.#keys;
    const identifier = toHex(bytes.subarray(1, headerBytes));
    const fitting = keys.filter((key) => named(key) === identifier);
    if (fitting.length === 0) {
      const given = [...new Set(keys.map(named))].join(", ");
      throw new SealError(`was encrypted with another key (${identifier}) than \`encryptionKey\` has (${given})`);
    }
    const iv = bytes.slice(headerBytes, headerBytes + vectorBytes);
    const additionalData = this.#binding(bytes.subarray(0, headerBytes), recordId);
    const content = bytes.slice(headerBytes + vectorBytes);
    let cause: unknown;
    for (const { key } of fitting) {
      try {
        const opened = await globalThis.crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, content);
        return new TextDecoder().decode(opened);
      } catch (error) {
        cause = error;
      }
    }
    const why = "was changed since, or belongs to another key or pool: its encrypted part does not fit it";
    throw new SealError(why, { cause });
  }

  /** Was it written with the key that encrypts now? */
  async isCurrent(sealed: string): Promise<boolean> {
    const [first] = (await this.#keys) as [CipherKey];
    const bytes = fromBase64(sealed);
    return bytes !== undefined && toHex(bytes.subarray(1, headerBytes)) === named(first);
  }

  #binding(header: Uint8Array, recordId: string): Uint8Array<ArrayBuffer> {
    return joined(header, utf8(JSON.stringify(["rotating-fetch/keys", this.#prefix, this.#pool, recordId])));
  }
}
