import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

/** What stands for a token when it is compared: of one length for all, and telling nothing of where two differ. */
export type TokenDigest = Uint8Array;

/** Makes them: the platform's own way may be faster. */
export type MakeDigest = (token: string) => TokenDigest;

export function digestOf(token: string): TokenDigest {
  return sha256(utf8ToBytes(token));
}

/** Looks at all bytes, whatever the first ones say. */
export function isSameDigest(one: TokenDigest, other: TokenDigest): boolean {
  let difference = one.length ^ other.length;
  for (let place = 0; place < one.length; place++) difference |= (one[place] as number) ^ (other[place] ?? 0);
  return difference === 0;
}

/**
 * What belongs to the token somebody shows, or `undefined`. All known ones are compared, so that the time taken tells neither
 * which of them it is like nor how many there are before it.
 */
export function whoHas<T>(
  token: string,
  known: readonly (readonly [TokenDigest, T])[],
  makeDigest: MakeDigest = digestOf,
): T | undefined {
  const shown = makeDigest(token);
  let found: T | undefined;
  for (const [digest, owner] of known) if (isSameDigest(digest, shown)) found = owner;
  return found;
}

/** The token of an `authorization` header, or `undefined` for any other scheme and for none. */
export function bearerToken(headers: Headers): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}
