import { once } from "node:events";
import { createGunzip, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decoded, withDecoder } from "../../../src/server/node/decoded-body.ts";
import { UpstreamBody } from "../../../src/server/node/upstream-body.ts";

const unpackedBytes = 32 * 1024 * 1024;
const packed = gzipSync(Buffer.alloc(unpackedBytes));

/** A packed body on its way that nobody takes yet. */
function arriving() {
  const decoder = createGunzip();
  let pauses = 0;
  const control = { pause: () => void pauses++, resume() {}, cancel() {} };
  const body = new UpstreamBody(withDecoder(decoder, control));
  const taker = decoded(decoder, body);
  taker.push(packed);
  taker.end();
  return { decoder, body, pauses: () => pauses };
}

/** Takes a body to its end; tells how much of it was kept before. */
function taken(body: UpstreamBody): { readonly kept: number; readonly all: Promise<number> } {
  let bytes = 0;
  const all = new Promise<number>((resolve, reject) => {
    const data = (chunk: Uint8Array): void => {
      bytes += chunk.length;
    };
    body.take({ data, end: () => resolve(bytes), fail: reject });
  });
  return { kept: bytes, all };
}

describe("withDecoder", () => {
  it("unpacks no more than a little ahead of whoever takes it, and all of it in the end", async () => {
    const { decoder, body, pauses } = arriving();
    await once(decoder, "pause");
    // Were it still unpacking, much would come in these turns.
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    const { kept, all } = taken(body);
    expect([pauses(), kept < 1024 * 1024]).toEqual([1, true]);
    expect(await all).toBe(unpackedBytes);
  });

  it("stops unpacking what is given up", async () => {
    const { decoder, body } = arriving();
    await once(decoder, "pause");
    body.cancel();
    await once(decoder, "close");
    expect(taken(body).kept).toBeLessThan(1024 * 1024);
  });
});
