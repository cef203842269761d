import { Readable } from "node:stream";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { expectNoSecrets } from "../../src/testing/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { chatUrl, limited, ok, origin, type RigOptions, rig } from "./fixture.ts";

/** The first key is kept for other models. */
const forOthers = (options: RigOptions = {}) => {
  const keys = [newSecret(), newSecret()] as const;
  const made = rig(ok, {
    provider: "openai",
    strategy: "fill_first",
    keys: [
      { id: "A", secret: keys[0], models: "gpt-*" },
      { id: "B", secret: keys[1], models: "whisper-*" },
    ],
    ...options,
  });
  const unknown: object[] = [];
  made.fetch.rotator.on("model-unknown", (event) => unknown.push(event));
  const usedKeys = (): string[] =>
    made.sent.map(({ headers }) => (headers.get("authorization") === `Bearer ${keys[0]}` ? "A" : "B"));
  return { ...made, unknown, usedKeys };
};

const body = JSON.stringify({ messages: ["x".repeat(500)], model: "whisper-1" });
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
const json = { "content-type": "application/json" };

function form(): FormData {
  const made = new FormData();
  made.append("file", new Blob(["x".repeat(300_000)]), "a.wav");
  made.append("model", "whisper-1");
  return made;
}

interface Sending {
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

const packed = (encoding: string, bytes: Uint8Array): Sending => ({
  body: own(bytes),
  headers: { ...json, "content-encoding": encoding },
});

const multipart = new Response(form());
const formBytes = new Uint8Array(await multipart.clone().arrayBuffer());
const formType = multipart.headers.get("content-type") as string;

const kinds: Record<string, Sending> = {
  "a string": { body },
  "a string behind 200,000 others": { body: JSON.stringify({ text: "y".repeat(200_000), model: "whisper-1" }) },
  "a name with an escape": { body: body.replace('"model"', '"mod\\u0065l"') },
  bytes: { body: own(Buffer.from(body)) },
  "bytes behind 200,000 others": { body: own(Buffer.from(body.replace("xx", "x".repeat(200_000)))) },
  "a buffer": { body: own(Buffer.from(body)).buffer },
  "a view": { body: new DataView(own(Buffer.from(body)).buffer) },
  "a Blob": { body: new Blob([body]) },
  "a stream": { body: new Blob([body]).stream() },
  "a stream of Node's": { body: Readable.from([body]) },
  gzip: packed("gzip", gzipSync(body)),
  deflate: packed("deflate", deflateSync(body)),
  "deflate without its header": packed("deflate", deflateRawSync(body)),
  br: packed("br", brotliCompressSync(body)),
  "gzip below br": packed("gzip, br", brotliCompressSync(gzipSync(body))),
  "gzip in a stream": {
    body: new Blob([own(gzipSync(body))]).stream(),
    headers: { ...json, "content-encoding": "gzip" },
  },
  "gzip in a Blob": { body: new Blob([own(gzipSync(body))]), headers: { "content-encoding": "gzip" } },
  "a header that says gzip of plain JSON": packed("gzip", Buffer.from(body)),
  "the beginning of a gzip that is long": packed(
    "gzip",
    gzipSync(body.replace("x", "x".repeat(3_000_000)).replace("{", '{"model":"whisper-1",')),
  ),
  "a form": { body: form() },
  "a form in bytes": { body: formBytes, headers: { "content-type": formType } },
  "a form in a Blob": {
    body: new Blob([formBytes], { type: formType.toLowerCase() === formType ? formType : "" }),
    headers: { "content-type": formType },
  },
  "a form in a stream": { body: new Blob([formBytes]).stream(), headers: { "content-type": formType } },
  "a packed form": {
    body: own(gzipSync(formBytes)),
    headers: { "content-type": formType, "content-encoding": "gzip" },
  },
  "a form of one line": { body: new URLSearchParams({ text: "a b", model: "whisper-1" }) },
  "a form of one line as a string": {
    body: "text=a+b&model=whisper%2D1",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  },
};

describe("the model of a request", () => {
  it.each(Object.entries(kinds))("is found in %s", async (_what, { body, headers }) => {
    const { fetch, usedKeys, unknown } = forOthers();
    const init = { method: "POST", body: body as BodyInit, headers: headers ?? {}, duplex: "half" };
    expect((await fetch(chatUrl, init)).status).toBe(200);
    expect(usedKeys()).toEqual(["B"]);
    expect(unknown).toEqual([]);
  });

  it("leaves what is sent as it is", async () => {
    const { fetch, sent } = forOthers();
    const bytes = own(gzipSync(body));
    await fetch(chatUrl, { method: "POST", body: bytes, headers: { ...json, "content-encoding": "gzip" } });
    expect(sent[0]?.init.body).toBe(bytes);
    expect(sent[0]?.headers.get("content-encoding")).toBe("gzip");
  });

  it.each([
    ["too-large", packed("gzip", gzipSync(body.replace("x", "x".repeat(3_000_000))))],
    ["broken", packed("gzip", gzipSync("{}".padEnd(9_000, " ")).subarray(0, 20))],
    ["encoding", packed("aes128gcm", Buffer.from(body))],
    ["format", { body: own(Buffer.alloc(100, 7)), headers: { "content-type": "audio/wav" } }],
    ["stream", { body: new Blob(["x".repeat(2_000)]).stream() }],
  ] as const)(
    "is told to be unknown, once, where nothing can be read: %s",
    async (reason, { body, headers }: Sending) => {
      const { fetch, unknown, sent } = forOthers({ maxReplayBytes: 1_000 });
      const [mine, other] = body instanceof ReadableStream ? body.tee() : [body, body];
      for (const one of [mine, other]) {
        const init = { method: "POST", body: one as BodyInit, headers: headers ?? {}, duplex: "half" };
        expect((await fetch(chatUrl, init)).status).toBe(200);
      }
      expect(unknown).toEqual([{ requestId: expect.any(String), reason }]);
      expect(sent).toHaveLength(2);
    },
  );

  it("is nothing to be told of where a request has none", async () => {
    const { fetch, unknown } = forOthers();
    await fetch(`${origin}/v1/models`);
    await fetch(chatUrl, { method: "POST", body: '{"input":"x"}' });
    await fetch(chatUrl, { method: "POST", body: formBytes.slice(0, 200), headers: { "content-type": formType } });
    expect(unknown).toEqual([]);
  });

  it("counts for limits of each model, in whatever it is packed", async () => {
    const { fetch, sent } = rig(ok, { keyCount: 1, maxWaitMs: 0, limits: [{ requests: 1, perModel: true }] });
    const statuses: number[] = [];
    for (const kind of ["gzip", "a Blob", "a form", "br"]) {
      const { body, headers = {} } = kinds[kind] as Sending;
      const init = { method: "POST", body: body as BodyInit, headers };
      statuses.push((await fetch(chatUrl, init)).status);
    }
    expect(statuses).toEqual([200, 429, 429, 429]);
    expect(sent).toHaveLength(1);
  });

  it("cools down alone when a packed request was refused for it", async () => {
    const perModel = { kind: "rate_limit", scope: "model", sharedBy: "account", retryAfterMs: 60_000 } as const;
    const { fetch, rotator } = rig(() => limited(), { keyCount: 1, maxWaitMs: 0, classify: () => perModel });
    const cooled: string[] = [];
    rotator.on("key-cooled", ({ scope }) => cooled.push(scope));
    await fetch(chatUrl, { method: "POST", body: own(gzipSync(body)), headers: { "content-encoding": "gzip" } });
    expect(cooled).toEqual([expect.stringMatching(/^model:.*\|whisper-1$/)]);
  });

  it("estimates tokens by what a packed body says", async () => {
    const { fetch } = rig(ok, { keyCount: 1, maxWaitMs: 0, limits: [{ tokens: 6_000 }] });
    const long = own(gzipSync(JSON.stringify({ max_tokens: 1, text: "some words ".repeat(1_500) })));
    const init = { method: "POST", body: long, headers: { "content-encoding": "gzip" } };
    expect((await fetch(chatUrl, init)).status).toBe(200);
    expect((await fetch(chatUrl, init)).status).toBe(429);
  });

  it("is not looked for where nothing speaks of models", async () => {
    const { fetch, sent } = rig(ok, { keyCount: 1 });
    const blob = new Blob([body]);
    Object.defineProperty(blob, "slice", { value: () => expect.unreachable() });
    await fetch(chatUrl, { method: "POST", body: blob, headers: { "content-encoding": "gzip" } });
    expect(sent[0]?.init.body).toBe(blob);
  });

  it("is shown to functions of the user's that ask for it", async () => {
    const seen: unknown[] = [];
    const affinity = ({ model, body }: { model: string | undefined; body: string | undefined }): string => {
      seen.push(model, body);
      return "one";
    };
    const { fetch, secrets } = rig(ok, { affinity });
    await fetch(chatUrl, { method: "POST", body: own(gzipSync(body)), headers: { "content-encoding": "gzip" } });
    expect(seen).toEqual(["whisper-1", body]);
    expectNoSecrets(seen, secrets);
  });

  it("ends with the caller's signal", async () => {
    const { fetch, rotator } = forOthers();
    const reason = new Error("stop");
    const { body, headers = {} } = kinds["gzip"] as Sending;
    const signal = AbortSignal.abort(reason);
    await expect(fetch(chatUrl, { method: "POST", body: body as BodyInit, headers, signal })).rejects.toBe(reason);
    const controller = new AbortController();
    const call = fetch(chatUrl, { method: "POST", body: body as BodyInit, headers, signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(rotator.inFlight).toBe(0);
  });
});
