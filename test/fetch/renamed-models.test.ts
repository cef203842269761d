import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { AllKeysExhaustedError, createRotatingFetch, type KeyConfig } from "../../src/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { type Answering, chatUrl, limited, ok, origin, type RigOptions, rig } from "./fixture.ts";

type Models = KeyConfig["models"];

/** One key for each of these. */
function renaming(all: readonly Models[], answer: Answering = ok, options: RigOptions = {}) {
  const keys = all.map((models, place) => ({ id: `key-${place}`, secret: newSecret(), models }));
  return rig(answer, { provider: "openai", strategy: "fill_first", maxWaitMs: 0, ...options, keys });
}

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
const json = { "content-type": "application/json" };

async function bytesOf(body: unknown): Promise<Buffer> {
  return Buffer.from(await new Response(body as BodyInit).arrayBuffer());
}

const odd = '{ "a":1.50,\t"model" : "sm\\u0061rt", "n":{"model":"smart"}, "é":"smart","model":"smart" }\n';
const oddRenamed = odd.replace('"sm\\u0061rt"', '"llama"').replace('"model":"smart" }', '"model":"llama" }');

describe("models as an object", () => {
  it.each<[string, string, Models, string]>([
    ["an exact name", "smart", { smart: "llama", "*": "*" }, "llama"],
    ["the longest pattern", "gpt-5-mini", { "*": "x/*", "gpt-*": "openai/gpt-*" }, "openai/gpt-5-mini"],
    ["the pattern of all", "claude", { "*": "x/*", "gpt-*": "openai/gpt-*" }, "x/claude"],
    ["a name for many", "a", { "*": "one" }, "one"],
  ])("sends %s", async (_what, model, models, name) => {
    const { fetch, sent } = renaming([models]);
    await fetch(chatUrl, { method: "POST", body: JSON.stringify({ model, x: 1 }), headers: json });
    expect(sent[0]?.init.body).toBe(JSON.stringify({ model: name, x: 1 }));
  });

  it("changes the names at the top and no other byte, in text and in bytes", async () => {
    const { fetch, sent } = renaming([{ smart: "llama" }]);
    await fetch(chatUrl, { method: "POST", body: odd, headers: json });
    expect(sent[0]?.init.body).toBe(oddRenamed);
    const broken = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(odd.replace("é", "é\xff"), "latin1")]);
    const bytes = own(broken.subarray(3));
    await fetch(chatUrl, { method: "POST", body: bytes, headers: json });
    const expected = Buffer.from(oddRenamed.replace("é", "é\xff"), "latin1");
    expect(Buffer.compare(await bytesOf(sent[1]?.init.body), expected)).toBe(0);
    expect(Buffer.compare(Buffer.from(bytes), broken.subarray(3))).toBe(0);
  });

  it("sends what needs no other name as it came", async () => {
    const { fetch, sent } = renaming([{ smart: "llama", "*": "*" }]);
    const body = own(gzipSync('{"model":"as-it-is"}'));
    await fetch(chatUrl, { method: "POST", body, headers: { ...json, "content-encoding": "gzip" } });
    expect(sent[0]?.init.body).toBe(body);
    expect(sent[0]?.headers.get("content-encoding")).toBe("gzip");
    await fetch(`${origin}/v1/models`);
    expect(sent[1]?.init.body).toBeUndefined();
  });

  it.each([
    ["gzip", gzipSync(odd)],
    ["br", brotliCompressSync(odd)],
    ["gzip, br", brotliCompressSync(gzipSync(odd))],
  ])("sends a body packed with %s plain, with headers that are true", async (encoding, packed) => {
    const { fetch, sent } = renaming([{ smart: "llama" }]);
    const headers = {
      ...json,
      "Content-Encoding": encoding,
      "Content-Length": "9",
      "Content-Digest": "x",
      "X-Mine": "1",
    };
    await fetch(chatUrl, { method: "POST", body: own(packed), headers });
    expect((await bytesOf(sent[0]?.init.body)).toString()).toBe(oddRenamed);
    const names = [...(sent[0]?.headers.keys() ?? [])];
    expect(names).toEqual(["authorization", "content-type", "x-mine"]);
  });

  it("renames in forms of either kind, whatever they come as", async () => {
    const { fetch, sent } = renaming([{ "whisper-1": "whisper-large-v3" }]);
    const form = new FormData();
    form.append("file", new Blob([own(Buffer.from("x\r\nmodel\r\n\xff", "latin1"))]), "a.wav");
    form.append("model", "whisper-1");
    form.append("prompt", "whisper-1");
    const encoded = new Response(form);
    const type = encoded.headers.get("content-type") as string;
    const bytes = own(await bytesOf(encoded.body));
    await fetch(chatUrl, { method: "POST", body: form });
    await fetch(chatUrl, { method: "POST", body: bytes, headers: { "content-type": type } });
    await fetch(chatUrl, {
      method: "POST",
      body: new Blob([bytes]).stream(),
      headers: { "content-type": type },
      duplex: "half",
    } as RequestInit);
    for (const { init, headers } of sent) {
      const read = await new Response(init.body as BodyInit, {
        headers: { "content-type": headers.get("content-type") as string },
      }).formData();
      expect([read.get("model"), read.get("prompt")]).toEqual(["whisper-large-v3", "whisper-1"]);
      expect((await bytesOf(read.get("file"))).toString("latin1")).toBe("x\r\nmodel\r\n\xff");
    }
    const changed = Buffer.from(bytes)
      .toString("latin1")
      .replace("\r\n\r\nwhisper-1\r\n", "\r\n\r\nwhisper-large-v3\r\n");
    expect((await bytesOf(sent[1]?.init.body)).toString("latin1")).toBe(changed);
    await fetch(chatUrl, { method: "POST", body: new URLSearchParams({ prompt: "a b", model: "whisper-1" }) });
    expect(String(sent[3]?.init.body)).toBe("prompt=a+b&model=whisper-large-v3");
    expect(sent[3]?.headers.get("content-type")).toBe("application/x-www-form-urlencoded;charset=UTF-8");
  });

  it("renames in a form that is too long to be kept", async () => {
    const { fetch, sent } = renaming([{ "whisper-1": "whisper-large-v3" }], ok, { maxReplayBytes: 100 });
    const form = new FormData();
    form.append("file", new Blob(["x".repeat(1_000)]), "a.wav");
    form.append("model", "whisper-1");
    await fetch(chatUrl, { method: "POST", body: form });
    const type = sent[0]?.headers.get("content-type") as string;
    const read = await new Response(sent[0]?.init.body as BodyInit, { headers: { "content-type": type } }).formData();
    expect([read.get("model"), (read.get("file") as File).name]).toEqual(["whisper-large-v3", "a.wav"]);
  });

  it("renames in the path where the provider says so, and shows nobody", async () => {
    const { fetch, sent } = renaming([{ smart: "gemini-2.5/pro" }], ok, { provider: "gemini" });
    const url = `${origin}/v1beta/models/smart:generateContent?alt=sse`;
    const response = await fetch(url, { method: "POST", body: '{"contents":[]}', headers: json });
    expect(sent[0]?.url).toBe(`${origin}/v1beta/models/gemini-2.5%2Fpro:generateContent?alt=sse`);
    expect(response.url).not.toContain("gemini-2.5");
  });

  it("renames for each attempt anew, and repeats the same bytes", async () => {
    const answers = [limited, () => new Response("", { status: 503 }), ok];
    const answer: Answering = (_sent, number) => (answers[number - 1] as () => Response)();
    const { fetch, sent, clock } = renaming([{ smart: "one" }, { smart: "two" }], answer, { maxWaitMs: 10_000 });
    const call = fetch(chatUrl, { method: "POST", body: '{"model":"smart"}', headers: json });
    for (let step = 0; step < 50 && sent.length < 3; step++) await clock.advance(500);
    expect((await call).status).toBe(200);
    expect(sent.map(({ init }) => init.body)).toEqual(['{"model":"one"}', '{"model":"two"}', '{"model":"two"}']);
  });

  it("renames again where a redirect keeps the body", async () => {
    const { fetch, sent } = renaming([{ smart: "llama" }], (_sent, number) =>
      number === 1 ? new Response(null, { status: 307, headers: { location: `${origin}/other` } }) : ok(),
    );
    await fetch(chatUrl, { method: "POST", body: '{"model":"smart"}', headers: json });
    expect(sent.map(({ init }) => init.body)).toEqual(['{"model":"llama"}', '{"model":"llama"}']);
  });

  it("answers 404 in the provider's shape for a model that no key serves, and sends nothing", async () => {
    const { fetch, sent, rotator } = renaming([{ smart: "llama", "gpt-*": "gpt-*" }, ["whisper-1"]], ok, {
      maxWaitMs: 60_000,
    });
    const told: string[] = [];
    rotator.on("pool-exhausted", () => told.push("exhausted"));
    const response = await fetch(chatUrl, { method: "POST", body: '{"model":"claude"}', headers: json });
    const message = 'No API key serves the model "claude". There are: smart, gpt-*, whisper-1.';
    expect(response.status).toBe(404);
    expect((await response.json()).error).toMatchObject({ message, code: "model_not_found" });
    expect([sent.length, told, response.headers.get("retry-after")]).toEqual([0, [], null]);
  });

  it("throws it where that was asked for, and keeps 503 for a model whose key is off", async () => {
    const { fetch, rotator } = renaming([{ smart: "llama" }, { other: "x" }], ok, { onExhausted: "throw" });
    const ask = (model: string) => fetch(chatUrl, { method: "POST", body: JSON.stringify({ model }), headers: json });
    const error = await ask("claude").catch((thrown: unknown) => thrown);
    expect(AllKeysExhaustedError.isInstance(error) && error.status).toBe(404);
    await rotator.disable("key-0");
    await expect(ask("smart")).rejects.toMatchObject({ status: 503 });
  });

  it("cools down what the provider calls the model, for every name of it", async () => {
    const perModel = { kind: "rate_limit", scope: "model", sharedBy: "account", retryAfterMs: 60_000 } as const;
    const { fetch, rotator, sent } = renaming(
      [{ smart: "llama", quick: "llama", other: "x" }],
      ({ init }) => (String(init.body).includes("llama") ? limited() : ok()),
      {
        classify: ({ status }) => (status === 429 ? perModel : undefined),
      },
    );
    const cooled: string[] = [];
    rotator.on("key-cooled", ({ scope }) => cooled.push(scope));
    const ask = async (model: string) =>
      (await fetch(chatUrl, { method: "POST", body: JSON.stringify({ model }), headers: json })).status;
    expect([await ask("smart"), await ask("quick"), await ask("other")]).toEqual([429, 429, 200]);
    expect(cooled).toEqual(["model:key-0|llama"]);
    expect(sent).toHaveLength(2);
  });

  it.each<[string, object, (number | undefined)[]]>([
    ["each real name", { requests: 1, perModel: true }, [200, 429, 200]],
    ["the alias", { requests: 1, models: "smart" }, [200, 200, 200]],
    ["the real name", { requests: 1, models: "llama" }, [200, 429, 200]],
    ["each alias", { requests: 1, models: ["smart", "quick"], perModel: true }, [200, 200, 200]],
  ])("counts limits by %s", async (_what, limit, statuses) => {
    const { fetch } = renaming([{ smart: "llama", quick: "llama", other: "x" }], ok, { limits: [limit as never] });
    const ask = async (model: string) =>
      (await fetch(chatUrl, { method: "POST", body: JSON.stringify({ model }), headers: json })).status;
    expect([await ask("smart"), await ask("quick"), await ask("other")]).toEqual(statuses);
  });

  it("tells both names of every attempt", async () => {
    const { fetch, rotator } = renaming(
      [{ smart: "one" }, { smart: "two" }],
      (_sent, number) => (number === 1 ? limited() : ok()),
      { trace: true },
    );
    const told: unknown[] = [];
    for (const name of ["key-selected", "attempt-failed", "attempt-succeeded"] as const) {
      rotator.on(name, ({ model, realModel }) => told.push([name, model, realModel]));
    }
    const response = await fetch(chatUrl, { method: "POST", body: '{"model":"smart"}', headers: json });
    expect(told).toEqual([
      ["key-selected", "smart", "one"],
      ["attempt-failed", "smart", "one"],
      ["key-selected", "smart", "two"],
      ["attempt-succeeded", "smart", "two"],
    ]);
    const trace = response.headers.get("x-rotating-fetch-trace");
    expect(trace).toMatch(
      /^key-1;outcome=rate_limit;status=429;ms=\d+;model=smart;as=one, key-2;.*;model=smart;as=two$/,
    );
  });

  it("says in snapshots what was given, and takes another mapping while in use", async () => {
    const { fetch, rotator, sent } = renaming([{ smart: "llama" }]);
    const shown = async () => (await rotator.snapshot()).keys[0]?.models;
    expect(await shown()).toEqual({ smart: "llama" });
    await rotator.update("key-0", { models: { smart: "mistral" } });
    expect(await shown()).toEqual({ smart: "mistral" });
    await fetch(chatUrl, { method: "POST", body: '{"model":"smart"}', headers: json });
    expect(sent[0]?.init.body).toBe('{"model":"mistral"}');
    await rotator.update("key-0", { models: null });
    await fetch(chatUrl, { method: "POST", body: '{"model":"smart"}', headers: json });
    expect(sent[1]?.init.body).toBe('{"model":"smart"}');
  });

  it("does not read a name it could not write: a bomb is told of, and goes on as it came", async () => {
    const { fetch, sent, rotator } = renaming([{ smart: "llama" }]);
    const told: unknown[] = [];
    rotator.on("model-unknown", ({ reason }) => told.push(reason));
    const bomb = own(gzipSync(`{"model":"smart","x":"${"x".repeat(12_000_000)}"}`));
    await fetch(chatUrl, { method: "POST", body: bomb, headers: { ...json, "content-encoding": "gzip" } });
    expect([told, sent[0]?.init.body]).toEqual([["too-large"], bomb]);
  });

  it.each<[string, unknown, string]>([
    ["no entry", {}, "keys[0].models"],
    ["an empty name", { smart: "" }, 'keys[0].models["smart"]'],
    ["two stars", { "a*b*": "x" }, 'keys[0].models["a*b*"]'],
  ])("refuses %s by key and field", (_what, models, field) => {
    const make = () =>
      createRotatingFetch({ keys: [{ secret: newSecret(), models: models as Models }], baseURL: origin });
    expect(make).toThrow(expect.objectContaining({ name: "InvalidOptionsError", field }));
  });
});
