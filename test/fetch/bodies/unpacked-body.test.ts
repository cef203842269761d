import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodingsIn, mostUnpacked, unpacked } from "../../../src/fetch/bodies/unpacked-body.ts";

const text = JSON.stringify({ model: "gpt-5", input: "x".repeat(500) });
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

afterEach(() => vi.restoreAllMocks());

/** A platform without Node's own streams, and then with them. */
const platforms = [
  ["Node's zlib", () => undefined],
  ["the platform's streams", () => void vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never)],
] as const;

describe.each(platforms)("unpacked by %s", (_name, begin) => {
  it.each([
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
  ])("takes off %s", async (encoding, packed) => {
    begin();
    const { bytes, trouble } = await unpacked(own(packed), [encoding], mostUnpacked);
    expect([asText(bytes), trouble]).toEqual([text, undefined]);
  });

  it("takes off several, the last one first", async () => {
    begin();
    const packed = own(deflateSync(gzipSync(text)));
    const { bytes, trouble } = await unpacked(packed, encodingsIn("gzip, deflate") ?? [], mostUnpacked);
    expect([asText(bytes), trouble]).toEqual([text, undefined]);
  });

  it("never holds more of a bomb than it may, through two layers neither", async () => {
    begin();
    const bomb = gzipSync(Buffer.alloc(5_000_000));
    const one = await unpacked(own(bomb), ["gzip"], 10_000);
    expect([one.bytes.length, one.trouble]).toEqual([10_000, "too-large"]);
    const two = await unpacked(own(gzipSync(bomb)), ["gzip", "gzip"], 10_000);
    expect([two.bytes.length, two.trouble]).toEqual([10_000, "too-large"]);
  });

  it("keeps the beginning of what is too long", async () => {
    begin();
    const { bytes, trouble } = await unpacked(own(gzipSync(text)), ["gzip"], 20);
    expect([asText(bytes), trouble]).toEqual([text.slice(0, 20), "too-large"]);
  });

  it("says what is broken, and what it does not know", async () => {
    begin();
    expect((await unpacked(own(gzipSync(text)).slice(0, 40), ["gzip"], mostUnpacked)).trouble).toBe("broken");
    expect((await unpacked(own(Buffer.from("no gzip")), ["gzip"], mostUnpacked)).trouble).toBe("broken");
    expect((await unpacked(own(gzipSync(text)), ["aes128gcm"], mostUnpacked)).trouble).toBe("encoding");
    const many = encodingsIn("gzip, gzip, gzip, gzip, gzip") ?? [];
    expect((await unpacked(own(gzipSync(text)), many, mostUnpacked)).trouble).toBe("encoding");
  });

  it("reads JSON as it is that only says it were packed", async () => {
    begin();
    const { bytes, trouble } = await unpacked(own(Buffer.from(text)), ["gzip"], mostUnpacked);
    expect([asText(bytes), trouble]).toEqual([text, undefined]);
  });
});

describe("unpacked", () => {
  it("takes off brotli, alone and above gzip, where Node has it", async () => {
    const one = await unpacked(own(brotliCompressSync(text)), ["br"], mostUnpacked);
    expect([asText(one.bytes), one.trouble]).toEqual([text, undefined]);
    const packed = own(brotliCompressSync(gzipSync(text)));
    const two = await unpacked(packed, encodingsIn("gzip, br") ?? [], mostUnpacked);
    expect([asText(two.bytes), two.trouble]).toEqual([text, undefined]);
  });
});

describe("encodingsIn", () => {
  it.each([
    [null, undefined],
    ["", undefined],
    ["identity", undefined],
    [" GZIP ", ["gzip"]],
    ["gzip, identity, br", ["br", "gzip"]],
  ])("reads %s", (header, names) => {
    expect(encodingsIn(header)).toEqual(names);
  });
});
