import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskSecret, scrubSecrets } from "../src/mask.ts";
import { newSecret } from "./support/test-keys.ts";

describe("maskSecret", () => {
  it("shows at most a third of a key, and only its ends", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abcXYZ019-_"), maxLength: 200 }), (secret) => {
        const [head, tail] = maskSecret(secret).split("...") as [string, string];
        expect(head.length + tail.length).toBeLessThanOrEqual(secret.length / 3);
        expect(secret.startsWith(head) && secret.endsWith(tail)).toBe(true);
      }),
    );
  });

  it("shows enough of a long key to know it again", () => {
    const secret = newSecret();
    expect(maskSecret(secret)).toBe(`${secret.slice(0, 7)}...${secret.slice(-4)}`);
  });

  it("shows nothing of a very short one", () => {
    expect([maskSecret(""), maskSecret("ab")]).toEqual(["...", "..."]);
  });
});

describe("scrubSecrets", () => {
  it("takes out every secret as it is and as it stands in a URL", () => {
    const [plain, odd] = [newSecret(), `${newSecret()}+/=`];
    const text = `key ${plain}, again ${plain}, in ?key=${encodeURIComponent(odd)} and ${odd}`;
    expect(scrubSecrets(text, [plain, odd, ""])).toBe("key [secret], again [secret], in ?key=[secret] and [secret]");
  });
});
