import { InvalidOptionsError } from "../../../errors.ts";
import { isA } from "../../../realms.ts";
import { type Bytes, fromBase64, toHex, utf8 } from "./bytes.ts";

/** What a `CryptoKey` is by its type: projects need not know the DOM's. */
export interface CryptoKeyLike {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: object;
  readonly usages: readonly string[];
}

/** A key of 256 bits for AES-GCM: 32 bytes, their base64 text, or a `CryptoKey` that may encrypt and decrypt. */
export type EncryptionKey = CryptoKeyLike | Uint8Array | string;

/** A key in use. */
export interface CipherKey {
  readonly key: CryptoKey;
  /** Tells it from others without telling it: four bytes. */
  readonly identifier: Bytes;
}

const keyBytes = 32;
const usages = ["encrypt", "decrypt"] as const;
export const identifierBytes = 4;

/** No initialization vector of a credential: those are random, and this one meets one of them once in 2^96. */
const identifyingVector = utf8("key identity");

/**
 * Keys ready for use, the one that encrypts first.
 * @throws InvalidOptionsError at once for what cannot be such a key. Nothing of it is told.
 */
export function cipherKeysOf(given: EncryptionKey | readonly EncryptionKey[]): Promise<readonly CipherKey[]> {
  const isList = Array.isArray(given);
  const list = (isList ? given : [given]) as readonly EncryptionKey[];
  if (list.length === 0) throw unfit("encryptionKey", "an empty list");
  if (typeof (globalThis.crypto as Crypto | undefined)?.subtle?.encrypt !== "function") {
    const message = "Expected `encryptionKey` only where there is WebCrypto, got it where `crypto.subtle` is missing";
    throw new InvalidOptionsError("encryptionKey", message);
  }
  const material = list.map((each, place) => materialOf(isList ? `encryptionKey[${place}]` : "encryptionKey", each));
  const keys = Promise.all(material.map(cipherKey));
  // Whoever uses them is told.
  keys.catch(() => {});
  return keys;
}

function materialOf(field: string, given: unknown): Bytes | CryptoKey {
  if (typeof given === "string") {
    const bytes = fromBase64(given);
    if (bytes?.length === keyBytes) return bytes;
    // It is base64, too, though of more bytes than a key has: taken for what it is not, it would be another key.
    if (/^[\da-f]{64}$/i.test(given.trim())) {
      throw unfit(field, 'what looks like 64 hex digits: pass `Buffer.from(text, "hex")`, or that as base64');
    }
    throw unfit(field, bytes === undefined ? "a text that is no base64" : `the base64 of ${bytes.length} bytes`);
  }
  if (isA(given, "Uint8Array")) {
    if (given.length === keyBytes) return Uint8Array.from(given);
    throw unfit(field, `${given.length} bytes`);
  }
  const key = given as CryptoKey | null | undefined;
  if (typeof key !== "object" || key === null || !Array.isArray(key.usages)) {
    throw unfit(field, given === null ? "null" : `a value of type ${typeof given}`);
  }
  const { name, length } = key.algorithm as AesKeyAlgorithm;
  if (name !== "AES-GCM" || length !== keyBytes * 8) throw unfit(field, `a key for ${name} of ${length ?? "?"} bits`);
  const lacking = usages.find((usage) => !key.usages.includes(usage));
  if (lacking !== undefined) throw unfit(field, `a key that may not ${lacking}`);
  return key;
}

async function cipherKey(material: Bytes | CryptoKey): Promise<CipherKey> {
  const { subtle } = globalThis.crypto;
  const key = isA(material, "Uint8Array")
    ? await subtle.importKey("raw", material, "AES-GCM", false, usages)
    : material;
  const sealed = await subtle.encrypt({ name: "AES-GCM", iv: identifyingVector }, key, new Uint8Array(identifierBytes));
  return { key, identifier: new Uint8Array(sealed.slice(0, identifierBytes)) };
}

/** For messages. */
export function named({ identifier }: CipherKey): string {
  return toHex(identifier);
}

function unfit(field: string, came: string): InvalidOptionsError {
  const expected = "a CryptoKey for AES-GCM of 256 bits, 32 bytes, or the base64 text of 32 bytes";
  return new InvalidOptionsError(field, `Expected \`${field}\` to be ${expected}, got ${came}`);
}
