import { describe, expect, it } from "vitest";
import { bearerToken, digestOf, isSameDigest, whoHas } from "../../src/server/constant-time.ts";
import { newSecret } from "../support/test-keys.ts";

/** Bytes that count how often one of them is looked at. */
function counting(bytes: Uint8Array) {
  let looks = 0;
  const watched = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) looks++;
      return Reflect.get(target, name) as unknown;
    },
  });
  return { watched, looks: () => looks };
}

describe("isSameDigest", () => {
  it("looks at every byte, whichever is the first that differs", () => {
    for (const place of [0, 15, 31]) {
      const digest = digestOf("a");
      const other = digest.slice();
      other[place] = (other[place] as number) ^ 1;
      const { watched, looks } = counting(other);
      expect(isSameDigest(digest, watched)).toBe(false);
      expect(looks()).toBe(32);
    }
    expect(isSameDigest(digestOf("a"), digestOf("a"))).toBe(true);
    expect(isSameDigest(digestOf("a").subarray(0, 31), digestOf("a"))).toBe(false);
  });
});

describe("whoHas", () => {
  it("compares with all known ones, also after one that fits", () => {
    const tokens = [newSecret(), newSecret(), newSecret()];
    const watched = tokens.map((token) => counting(digestOf(token)));
    const known = watched.map((each, place) => [each.watched, place] as const);
    expect(tokens.map((token) => whoHas(token, known))).toEqual([0, 1, 2]);
    expect(whoHas(newSecret(), known)).toBeUndefined();
    expect(watched.map(({ looks }) => looks())).toEqual([4 * 32, 4 * 32, 4 * 32]);
  });
});

describe("bearerToken", () => {
  it.each([
    ["Bearer abc", "abc"],
    ["bearer   abc", "abc"],
    ["Bearer abc def", undefined],
    ["Bearer", undefined],
    ["Basic abc", undefined],
    ["", undefined],
  ])("reads %j", (authorization, token) => {
    expect(bearerToken(new Headers({ authorization }))).toBe(token);
  });

  it("finds none where there is no header", () => {
    expect(bearerToken(new Headers())).toBeUndefined();
  });
});
