import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { faces, startRig } from "./rig.ts";

const body = '{"input":"smart", "model":"smart"}';

describe.each(faces)("a proxy whose keys rename models, by %s", (face) => {
  async function setUp() {
    const rig = await startRig({ face, options: { provider: "openai" } });
    const [key] = (await rig.rotator.snapshot()).keys;
    await rig.rotator.update(key?.id as string, { models: { smart: "llama" } });
    const send = (id: string, init: RequestInit): Promise<Response> =>
      fetch(`${rig.origin}/print/${id}`, {
        method: "POST",
        ...init,
        headers: { ...(init.headers as Record<string, string>), ...rig.headers },
      });
    const came = (id: string) => rig.upstream.arrivalsOf(id)[0];
    return { ...rig, send, came };
  }

  it.each([
    ["plain", undefined, Buffer.from(body)],
    ["gzip", "gzip", gzipSync(body)],
    ["br over gzip", "gzip, br", brotliCompressSync(gzipSync(body))],
  ])("sends JSON under the provider's name: %s", async (_what, encoding, bytes) => {
    const { send, came } = await setUp();
    const headers = { "content-type": "application/json", ...(encoding && { "content-encoding": encoding }) };
    expect((await send("1", { body: new Uint8Array(bytes), headers })).status).toBe(200);
    const arrival = came("1");
    expect(arrival?.body.toString()).toBe('{"input":"smart", "model":"llama"}');
    expect(arrival?.headers["content-encoding"]).toBeUndefined();
    expect(arrival?.headers["content-length"]).toBe(String(arrival?.body.length));
  });

  it("renames in a form", async () => {
    const { send, came } = await setUp();
    const form = new FormData();
    form.append("file", new Blob(["x".repeat(2_000)]), "a.wav");
    form.append("model", "smart");
    expect((await send("1", { body: form })).status).toBe(200);
    const { body: bytes, headers } = came("1") ?? {};
    const type = headers?.["content-type"] as string;
    const read = await new Response(new Uint8Array(bytes ?? []), { headers: { "content-type": type } }).formData();
    expect([read.get("model"), (read.get("file") as File).size]).toEqual(["llama", 2_000]);
  });

  it("tells a client which models there are, where it asks for another", async () => {
    const { send, came } = await setUp();
    const refused = await send("1", { body: '{"model":"claude"}', headers: { "content-type": "application/json" } });
    expect([refused.status, (await refused.json()).error.message]).toEqual([
      404,
      'No API key serves the model "claude". There are: smart.',
    ]);
    expect(came("1")).toBeUndefined();
  });
});
