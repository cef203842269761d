import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SecretScrubber } from "../../../src/server/proxy/secret-scrubber.ts";
import { newSecret } from "../../support/test-keys.ts";

function scrubbed(pieces: readonly string[], secrets: readonly string[]): string {
  const scrubber = new SecretScrubber(secrets);
  const out = pieces.map((piece) => scrubber.push(new TextEncoder().encode(piece)));
  return Buffer.concat([...out, scrubber.end()]).toString();
}

describe("SecretScrubber", () => {
  it("finds a secret wherever its pieces are parted, and changes nothing else", () => {
    const secrets = [newSecret(), `${newSecret()}/+=`];
    const filler = fc.string({ maxLength: 20 }).map((text) => text.replaceAll(/[\u0080-\uffff]/g, "x"));
    const part = fc.oneof(filler, fc.constantFrom(...secrets, encodeURIComponent(secrets[1] as string)));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 6 }), (parts, cuts) => {
        const text = parts.join("");
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, place) => text.slice(places[place], end));
        let clean = text;
        for (const secret of secrets) {
          clean = clean.replaceAll(secret, "[secret]").replaceAll(encodeURIComponent(secret), "[secret]");
        }
        expect(scrubbed(pieces, secrets)).toBe(clean);
      }),
    );
  });

  it("holds nothing back when there is no secret", () => {
    const scrubber = new SecretScrubber([]);
    expect(Buffer.from(scrubber.push(new TextEncoder().encode("text"))).toString()).toBe("text");
  });
});
