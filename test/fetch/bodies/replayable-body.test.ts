import { createHash, randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetchOptions } from "../../../src/index.ts";
import { type ProviderEmulator, rateLimited } from "../../../src/testing/index.ts";
import { newSecret, startEmulator } from "../../testing/emulator/fixture.ts";
import { chatUrl, hang, ok, post, rig } from "../fixture.ts";

/** Two keys, the first of which is refused once: every call is sent twice. */
async function twice(options: Partial<RotatingFetchOptions> = {}) {
  const keys = [newSecret(), newSecret()];
  const emulator = await startEmulator({
    keys: [{ secret: keys[0] as string, script: [rateLimited()] }, keys[1] as string],
  });
  const fetch = createRotatingFetch({ keys, baseURL: emulator.url, ...options });
  const send = (init: RequestInit) => fetch(`${emulator.url}/echo`, { method: "POST", ...init });
  return { emulator, fetch, send };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function hashes({ arrivals }: ProviderEmulator): string[] {
  return arrivals.map(({ bodySha256 }) => bodySha256);
}

const bytes = new Uint8Array(randomBytes(200_000));

async function* inPieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7_001) yield bytes.subarray(at, at + 7_001);
}

const streaming = { duplex: "half" } as const;

describe("prepareBody", () => {
  it.each([
    ["a string", () => "grüße", sha256(new TextEncoder().encode("grüße"))],
    ["bytes", () => bytes, sha256(bytes)],
    ["a buffer", () => bytes.slice().buffer, sha256(bytes)],
    ["a view into a larger buffer", () => new DataView(bytes.buffer, 10, 100), sha256(bytes.subarray(10, 110))],
    ["a Blob", () => new Blob([bytes]), sha256(bytes)],
    ["URLSearchParams", () => new URLSearchParams({ a: "1 2" }), sha256(new TextEncoder().encode("a=1+2"))],
    ["a ReadableStream", () => new Blob([bytes]).stream(), sha256(bytes)],
    ["an async iterable", () => inPieces(), sha256(bytes)],
    ["a Node Readable", () => Readable.from(inPieces()), sha256(bytes)],
    ["an empty stream", () => new Blob([]).stream(), sha256(new Uint8Array())],
    ["no body", () => undefined, sha256(new Uint8Array())],
  ])("sends %s byte for byte on both tries", async (_what, make, expected) => {
    const { emulator, send } = await twice();
    const response = await send({ body: make() as BodyInit, ...streaming });
    expect(response.status).toBe(200);
    expect(hashes(emulator)).toEqual([expected, expected]);
  });

  it("sends a form with a file completely on both tries", async () => {
    const { emulator, send } = await twice();
    const form = new FormData();
    form.set("purpose", "test");
    form.set("file", new Blob([bytes]), "data.bin");
    expect((await send({ body: form })).status).toBe(200);
    expect(emulator.arrivals.map(({ bodyBytes }) => bodyBytes > bytes.length)).toEqual([true, true]);
    expect(emulator.arrivals[1]?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
  });

  it("sends chunks of text and of buffers as their bytes", async () => {
    async function* mixed() {
      yield "text ";
      yield new TextEncoder().encode("bytes ").buffer;
      yield new DataView(new TextEncoder().encode("view").buffer);
    }
    const { emulator, send } = await twice();
    await send({ body: mixed() as unknown as BodyInit, ...streaming });
    const expected = sha256(new TextEncoder().encode("text bytes view"));
    expect(hashes(emulator)).toEqual([expected, expected]);
  });

  it("corrects a content-length that the client gave for a stream", async () => {
    const { emulator, send } = await twice();
    const headers = { "Content-Length": "3" };
    expect((await send({ body: new Blob([bytes]).stream(), headers, ...streaming })).status).toBe(200);
    expect(emulator.arrivals[1]?.headers["content-length"]).toBe(String(bytes.length));
  });

  it("gives a stream longer than `maxReplayBytes` one attempt, says so, and sends it whole", async () => {
    const { emulator, fetch, send } = await twice({ maxReplayBytes: 50_000 });
    const told: object[] = [];
    fetch.rotator.on("body-not-replayable", (event) => told.push(event));
    const refused = await send({ body: Readable.from(inPieces()) as unknown as BodyInit, ...streaming });
    expect([refused.status, (await refused.json()).error.code]).toEqual([429, "rate_limit_exceeded"]);
    expect(told).toEqual([{ requestId: expect.any(String), maxReplayBytes: 50_000 }]);
    const served = await send({ body: new Blob([bytes]).stream(), ...streaming });
    expect(served.status).toBe(200);
    expect(hashes(emulator)).toEqual([sha256(bytes), sha256(bytes)]);
  });

  it("keeps a stream of exactly `maxReplayBytes`", async () => {
    const { emulator, send } = await twice({ maxReplayBytes: bytes.length });
    expect((await send({ body: inPieces() as unknown as BodyInit, ...streaming })).status).toBe(200);
    expect(emulator.arrivals).toHaveLength(2);
  });

  it("rejects with the error of a stream that breaks, before a key is used", async () => {
    const error = new Error("the disk is gone");
    async function* broken() {
      yield bytes;
      throw error;
    }
    const { emulator, send, fetch } = await twice();
    await expect(send({ body: broken() as unknown as BodyInit, ...streaming })).rejects.toBe(error);
    expect([emulator.arrivals.length, fetch.rotator.inFlight]).toEqual([0, 0]);
  });

  it("leaves to `fetch` what is only iterable", async () => {
    const list = ["a", "b"] as unknown as BodyInit;
    const { fetch, sent } = rig(ok);
    await fetch(chatUrl, { method: "POST", body: list });
    expect(sent[0]?.init.body).toBe(list);
  });

  it("hands strings, bytes, Blobs and parameters on as the objects they are", async () => {
    const { fetch, sent } = rig(ok);
    const bodies = ["text", bytes, new Blob(["b"]), new URLSearchParams("a=1"), bytes.buffer];
    for (const body of bodies) await fetch(chatUrl, { method: "POST", body });
    for (const [place, body] of bodies.entries()) expect(sent[place]?.init.body).toBe(body);
  });

  it("reads a stream older than iteration, and says what it is as the stream does", async () => {
    const { emulator, send } = await twice();
    const boundary = "x-Boundary-7";
    const getHeaders = () => ({ "Content-Type": `multipart/form-data; boundary=${boundary}` });
    const body = Object.assign(legacyStream(), { getHeaders });
    const headers = { "Content-Length": "1", "Content-Type": "multipart/form-data" };
    expect((await send({ body: body as unknown as BodyInit, headers })).status).toBe(200);
    expect(hashes(emulator)).toEqual([sha256(bytes), sha256(bytes)]);
    expect(emulator.arrivals[1]?.headers).toMatchObject({
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": String(bytes.length),
    });
  });

  it("rejects with the error of such a stream, and does not read it further", async () => {
    const { fetch, sent } = rig(ok);
    const error = new Error("no such file");
    const stream = new EventEmitter();
    const body = Object.assign(stream, { pipe: () => {}, resume: () => stream.emit("error", error) });
    await expect(fetch(chatUrl, post(body as unknown as BodyInit))).rejects.toBe(error);
    expect(sent).toHaveLength(0);
  });

  it("keeps the rest of such a stream back until it is asked for, and sends it whole", async () => {
    const { emulator, send } = await twice({ maxReplayBytes: 50_000 });
    await send({ body: legacyStream() as unknown as BodyInit });
    expect(hashes(emulator)).toEqual([sha256(bytes)]);
    let read = 0;
    const body = legacyStream().on("data", (chunk: Uint8Array) => {
      read += chunk.length;
    });
    const { fetch } = rig(ok, { maxReplayBytes: 50_000 });
    await fetch(chatUrl, post(body as unknown as BodyInit));
    await new Promise(setImmediate);
    expect(read).toBeLessThan(60_000);
  });

  it.each([
    ["Blob", { type: "text/x-note", size: 4, arrayBuffer: async () => new TextEncoder().encode("note").buffer }],
    ["URLSearchParams", { toString: (): string => "note" }],
  ])("takes a %s of another package's class for what it is", async (tag, fields) => {
    const { emulator, send } = await twice();
    const body = { [Symbol.toStringTag]: tag, ...fields } as unknown as BodyInit;
    expect((await send({ body })).status).toBe(200);
    const expected = sha256(new TextEncoder().encode("note"));
    expect(hashes(emulator)).toEqual([expected, expected]);
    const type = tag === "Blob" ? "text/x-note" : "application/x-www-form-urlencoded;charset=UTF-8";
    expect(emulator.arrivals[1]?.headers["content-type"]).toBe(type);
  });

  it("refuses a Node stream that was read already, instead of sending nothing", async () => {
    const { send, emulator } = await twice();
    const body = Readable.from(["abc"]);
    for await (const _chunk of body) break;
    await expect(send({ body: body as unknown as BodyInit, ...streaming })).rejects.toThrow(TypeError);
    expect(emulator.arrivals).toHaveLength(0);
  });

  it.each([
    ["ReadableStream", (stopped: () => void) => new ReadableStream({ cancel: stopped })],
    ["Node Readable", (stopped: () => void) => new Readable({ read() {} }).once("close", stopped)],
  ])("ends the wait for a slow %s with the caller's abort, and lets go of it", async (_what, make) => {
    const { fetch, sent } = rig(ok);
    const controller = new AbortController();
    const reason = new Error("stop");
    let stop = (): void => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const body = make(stop) as unknown as BodyInit;
    const call = fetch(chatUrl, { method: "POST", body, signal: controller.signal, ...streaming } as RequestInit);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await stopped;
    expect(sent).toHaveLength(0);
  });

  it("lets go of a long stream that its transport was about to read when the call was aborted", async () => {
    const stopped: unknown[] = [];
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8)),
      cancel: (reason) => void stopped.push(reason),
    });
    const controller = new AbortController();
    let taken: ReadableStreamDefaultReader | undefined;
    const { fetch } = rig(
      (sent) => {
        taken = (sent.init.body as ReadableStream).getReader();
        queueMicrotask(() => controller.abort(new Error("enough")));
        return hang(sent);
      },
      { maxReplayBytes: 10 },
    );
    const init = { ...post(), body, signal: controller.signal, ...streaming };
    await expect(fetch(chatUrl, init)).rejects.toThrow("enough");
    expect(stopped).toEqual([new Error("enough")]);
    // Whoever still reads it must not take what there was for all of it.
    await expect(taken?.read()).rejects.toThrow("enough");
  });

  it("sends a duplex with what is a stream only", async () => {
    const { fetch, sent } = rig(ok, { maxReplayBytes: 10 });
    for (const size of [5, 50]) {
      await fetch(chatUrl, {
        method: "POST",
        body: new Blob(["x".repeat(size)]).stream(),
        duplex: "half",
      } as RequestInit);
    }
    await fetch(chatUrl, post(new Blob(["x".repeat(50)]).stream()));
    expect(sent.map(({ init }) => (init as { duplex?: string }).duplex)).toEqual([undefined, "half", "half"]);
  });
});

/** A stream as they were before iteration, which pauses when told to. */
function legacyStream(): EventEmitter {
  const stream = new EventEmitter();
  let at = 0;
  let flows = false;
  const go = (): void => {
    if (!flows) return;
    if (at >= bytes.length) return void stream.emit("end");
    const chunk = Buffer.from(bytes.subarray(at, at + 7_001));
    at += chunk.length;
    stream.emit("data", chunk);
    queueMicrotask(go);
  };
  return Object.assign(stream, {
    pipe: () => {},
    pause: () => {
      flows = false;
    },
    resume: () => {
      flows = true;
      queueMicrotask(go);
    },
  });
}
