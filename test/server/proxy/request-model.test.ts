import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { faces, type RigOptions, startRig } from "./rig.ts";

const body = JSON.stringify({ input: "x".repeat(500), model: "whisper-1" });

function form(): FormData {
  const made = new FormData();
  made.append("file", new Blob(["x".repeat(100_000)]), "a.wav");
  made.append("model", "whisper-1");
  return made;
}

const packed = (encoding: string, bytes: Uint8Array): RequestInit => ({
  body: new Uint8Array(bytes),
  headers: { "content-type": "application/json", "content-encoding": encoding },
});

const kinds: Record<string, () => RequestInit> = {
  JSON: () => ({ body, headers: { "content-type": "application/json" } }),
  gzip: () => packed("gzip", gzipSync(body)),
  deflate: () => packed("deflate", deflateSync(body)),
  br: () => packed("br", brotliCompressSync(body)),
  "gzip below br": () => packed("gzip, br", brotliCompressSync(gzipSync(body))),
  "a form": () => ({ body: form() }),
  "a form of one line": () => ({ body: new URLSearchParams({ text: "a b", model: "whisper-1" }) }),
};

describe.each(faces)("the model of a request to a proxy, by %s", (face) => {
  async function setUp(options: RigOptions["options"]) {
    const rig = await startRig({ face, options: { provider: "openai", ...options }, roles: ["good", "good"] });
    const send = (init: RequestInit): Promise<Response> =>
      fetch(`${rig.origin}/echo/1`, {
        method: "POST",
        ...init,
        headers: { ...(init.headers as Record<string, string>), ...rig.headers },
      });
    return { ...rig, send };
  }

  it.each(Object.entries(kinds))("counts in %s", async (_what, init) => {
    const { rotator, send } = await setUp({ limits: [{ requests: 1, perModel: true }] });
    const [first, second] = (await rotator.snapshot()).keys.map(({ id }) => id);
    await rotator.update(first as string, { models: "gpt-*" });
    await rotator.update(second as string, { models: "whisper-*" });
    const used: string[] = [];
    rotator.on("key-selected", ({ keyId }) => used.push(keyId));
    expect([(await send(init())).status, (await send(init())).status]).toEqual([200, 429]);
    expect(used).toEqual([second]);
  });
});
