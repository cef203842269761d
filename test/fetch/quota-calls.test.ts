import { describe, expect, it } from "vitest";
import type { CallFacts } from "../../src/fetch/call-facts.ts";
import type { ProviderName } from "../../src/named/presets.ts";
import { chatUrl, ok, origin, post, rig } from "./fixture.ts";

const usage = (input: number, output: number): object => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
});

function completion(input: number, output: number): Response {
  return Response.json({ id: "c", choices: [{ message: { content: "Hi" } }], usage: usage(input, output) });
}

/** A stream whose chunks are sent when the test says so. */
function streamed() {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (started) => {
      controller = started;
    },
  });
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    send: (data: object | string) =>
      controller?.enqueue(encoder.encode(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error("cut")),
  };
}

async function used({ rotator }: { rotator: ReturnType<typeof rig>["rotator"] }): Promise<number[]> {
  return (await rotator.snapshot()).keys.map(({ limits }) => limits[0]?.used ?? -1);
}

const limits = [{ tokens: 10_000 }] as const;
const body = JSON.stringify({ model: "m", max_tokens: 100, messages: [{ role: "user", content: "x".repeat(370) }] });

describe("token limits of calls", () => {
  it("reserve a quarter of the characters and what may come out, and settle what was used", async () => {
    const { fetch, rotator } = rig(() => completion(90, 7), { provider: "openai", keyCount: 1, limits });
    const response = await fetch(chatUrl, post(body));
    expect(await used({ rotator })).toEqual([Math.ceil(body.length / 4) + 100]);
    expect(await response.json()).toMatchObject({ usage: usage(90, 7) });
    expect(await used({ rotator })).toEqual([97]);
  });

  it("read what a stream used from its last event", async () => {
    const stream = streamed();
    const { fetch, rotator } = rig(() => stream.response, { provider: "openai", keyCount: 1, limits });
    stream.send({ choices: [{ delta: { content: 'a "usage": {"total_tokens": 99999}' } }] });
    const response = await fetch(chatUrl, post(body));
    stream.send({ choices: [], usage: usage(50, 3) });
    stream.send("[DONE]");
    stream.end();
    await response.text();
    expect(await used({ rotator })).toEqual([53]);
  });

  it.each<[string, (stream: ReturnType<typeof streamed>, response: Response) => Promise<unknown>]>([
    ["is cancelled", (_stream, response) => response.body?.cancel() ?? Promise.resolve()],
    [
      "breaks",
      (stream, response) => {
        stream.fail();
        return response.text().catch(() => {});
      },
    ],
    [
      "tells nothing",
      (stream, response) => {
        stream.end();
        return response.text();
      },
    ],
  ])("keep the estimate when a stream %s", async (_how, finish) => {
    const stream = streamed();
    const { fetch, rotator } = rig(() => stream.response, { provider: "openai", keyCount: 1, limits });
    stream.send({ choices: [{ delta: { content: "Hi" } }] });
    const response = await fetch(chatUrl, post(body));
    await finish(stream, response);
    expect(await used({ rotator })).toEqual([Math.ceil(body.length / 4) + 100]);
    expect(rotator.inFlight).toBe(0);
  });

  it("take the running total of a stream that was cut for what went in, and not for what came out", async () => {
    const stream = streamed();
    const pool = { provider: "anthropic", baseURL: origin, keyCount: 1, limits: [{ outputTokens: 1_000 }] } as const;
    const { fetch, rotator } = rig(() => stream.response, pool);
    stream.send({ type: "message_start", message: { usage: { input_tokens: 95 } } });
    stream.send({ type: "message_delta", delta: {}, usage: { output_tokens: 3 } });
    const response = await fetch(`${origin}/v1/messages`, post(body));
    const reserved = await used({ rotator });
    stream.fail();
    await expect(response.text()).rejects.toThrow("cut");
    expect([reserved, await used({ rotator })]).toEqual([[100], [100]]);
  });

  it("go by `estimateTokens`, which sees the call without its credential, and by the default when it fails", async () => {
    const seen: CallFacts[] = [];
    const failures: string[] = [];
    let answer: unknown = 700;
    const { fetch, rotator } = rig(ok, {
      provider: "openai",
      keyCount: 1,
      limits,
      estimateTokens: (request) => {
        seen.push(request);
        return answer as number;
      },
    });
    rotator.on("internal-error", ({ part }) => failures.push(part));
    await (await fetch(chatUrl, { ...post(body), headers: { authorization: "Bearer mine", "x-trace": "7" } })).text();
    expect(await used({ rotator })).toEqual([700]);
    expect(seen.map(({ url, method, model, body: text, headers }) => [url, method, model, text, [...headers]])).toEqual(
      [[chatUrl, "POST", "m", body, [["x-trace", "7"]]]],
    );
    answer = Number.NaN;
    await (await fetch(chatUrl, post(body))).text();
    expect(await used({ rotator })).toEqual([800 + Math.ceil(body.length / 4)]);
    answer = Promise.resolve(5);
    await (await fetch(chatUrl, post(body))).text();
    expect(failures).toEqual(["estimate", "estimate"]);
  });

  it("have streams say what they used only when `includeUsage` is set", async () => {
    const streaming = JSON.stringify({ model: "m", stream: true, messages: [] });
    for (const [includeUsage, asked] of [
      [true, true],
      [false, false],
    ]) {
      const { fetch, sent } = rig(ok, { provider: "openai", limits, includeUsage });
      await fetch(chatUrl, { ...post(streaming), headers: { "content-length": String(streaming.length) } });
      expect(JSON.parse(String(sent[0]?.init.body))).toEqual({
        ...JSON.parse(streaming),
        ...(asked ? { stream_options: { include_usage: true } } : {}),
      });
    }
    const { fetch, sent } = rig(ok, { provider: "openai", includeUsage: true });
    await fetch(chatUrl, post(streaming));
    expect(sent[0]?.init.body).toBe(streaming);
  });

  it("leave the response as it is where nothing is counted to its end", async () => {
    const response = ok();
    const { fetch } = rig(() => response, { limits: [{ requests: 10 }] });
    expect(await fetch(chatUrl, post(body))).toBe(response);
  });
});

describe("concurrency limits of calls", () => {
  const oneAtATime = { keyCount: 1, limits: [{ concurrency: 1 }], maxWaitMs: 0 } as const;

  it.each<[string, (stream: ReturnType<typeof streamed>, response: Response) => Promise<unknown>]>([
    [
      "ends",
      (stream, response) => {
        stream.end();
        return response.text();
      },
    ],
    [
      "breaks",
      (stream, response) => {
        stream.fail();
        return response.text().catch(() => {});
      },
    ],
    ["is cancelled", (_stream, response) => response.body?.cancel() ?? Promise.resolve()],
  ])("hold the place until the body %s", async (_how, finish) => {
    const streams = [streamed(), streamed()];
    const { fetch, clock } = rig((_sent, number) => streams[number - 1]?.response ?? ok(), oneAtATime);
    const response = await fetch(chatUrl, post(body));
    expect((await fetch(chatUrl, post(body))).status).toBe(429);
    await finish(streams[0] as ReturnType<typeof streamed>, response);
    // A provider learns a little later that a request was given up.
    await clock.advance(1000);
    expect((await fetch(chatUrl, post(body))).status).toBe(200);
  });

  it.each([
    ["nobody reads", async () => {}],
    ["was read from a little", async (response: Response) => void (await response.body?.getReader().read())],
  ])("give the place back when the caller aborts a body that %s", async (_how, read) => {
    const stream = streamed();
    stream.send("first");
    const { fetch, clock, rotator } = rig((_sent, number) => (number === 1 ? stream.response : ok()), oneAtATime);
    const controller = new AbortController();
    const response = await fetch(chatUrl, { ...post(body), signal: controller.signal });
    await read(response);
    controller.abort();
    expect(rotator.inFlight).toBe(0);
    await clock.advance(1000);
    expect((await fetch(chatUrl, post(body))).status).toBe(200);
    expect(response.status).toBe(200);
  });

  it("give the place back when the call fails", async () => {
    const { fetch } = rig((_sent, number) => (number === 1 ? Response.json({}, { status: 400 }) : ok()), oneAtATime);
    expect((await fetch(chatUrl, post(body))).status).toBe(400);
    expect((await fetch(chatUrl, post(body))).status).toBe(200);
  });

  it("keep the place of an answer for as long as it may still be read, whatever `leaseMs` says", async () => {
    const { fetch, clock } = rig(() => streamed().response, { ...oneAtATime, leaseMs: 5000 });
    const slow = await fetch(chatUrl, post(body));
    await clock.advance(60_000);
    expect((await fetch(chatUrl, post(body))).status).toBe(429);
    await slow.body?.cancel();
    await clock.advance(2000);
    expect((await fetch(chatUrl, post(body))).status).toBe(200);
  });
});

describe("priority of calls", () => {
  it("serves calls with lower numbers first", async () => {
    const answers: (() => void)[] = [];
    const { fetch, clock, sent } = rig(() => new Promise((resolve) => answers.push(() => resolve(ok()))), {
      keyCount: 1,
      limits: [{ concurrency: 1 }],
    });
    const calls = [fetch(chatUrl, post('"first"'))];
    for (const [text, priority] of [
      ["later", 5],
      ["usual", 0],
      ["urgent", -5],
    ] as const) {
      calls.push(fetch.with({ priority })(chatUrl, post(`"${text}"`)));
    }
    for (let count = 0; count < calls.length; count++) {
      await clock.advance(1);
      answers[count]?.();
      await calls[0];
      for (const call of calls) void call.then((response) => response.text()).catch(() => {});
      await clock.advance(1);
    }
    expect(sent.map(({ init }) => init.body)).toEqual(['"first"', '"urgent"', '"usual"', '"later"']);
  });
});

describe("affinity of calls", () => {
  it("keeps the calls of a conversation on one key, by the option or by the call", async () => {
    const { fetch, keysUsed, sent } = rig(ok, {
      keyCount: 4,
      affinity: ({ body: text }) => (text === undefined ? undefined : (JSON.parse(text) as { user?: string }).user),
    });
    for (let count = 0; count < 3; count++) await fetch(chatUrl, post('{"user":"ann"}'));
    expect(new Set(keysUsed()).size).toBe(1);
    sent.length = 0;
    const session = fetch.with({ affinity: "session 5" });
    for (let count = 0; count < 3; count++) await session(chatUrl, post(`{"user":"${count}"}`));
    expect(new Set(keysUsed()).size).toBe(1);
    sent.length = 0;
    for (let count = 0; count < 8; count++) await fetch(chatUrl, post("{}"));
    expect(new Set(keysUsed()).size).toBe(4);
  });

  it("goes on without it when the function fails", async () => {
    const failures: string[] = [];
    const { fetch, rotator } = rig(ok, {
      affinity: () => {
        throw new Error("no session");
      },
    });
    rotator.on("internal-error", ({ part }) => failures.push(part));
    expect((await fetch(chatUrl, post(body))).status).toBe(200);
    expect(failures).toEqual(["affinity"]);
  });
});

describe("what one account made", () => {
  const api = `${origin}/v1`;
  const made = (answer: object): Response => Response.json(answer);

  it.each<[string, string, string, object, (api: string) => [string, RequestInit]]>([
    [
      "a file",
      "openai",
      "/files",
      { object: "file", id: "file-abc123" },
      (at) => [`${at}/files/file-abc123/content`, {}],
    ],
    [
      "a stored response",
      "openai",
      "/responses",
      { id: "resp_0abc", output: [] },
      (at) => [`${at}/responses`, post('{"model":"m","previous_response_id":"resp_0abc"}')],
    ],
    [
      "a stored response, named behind a long input",
      "openai",
      "/responses",
      { id: "resp_0abc", output: [] },
      (at) => [`${at}/responses`, post(`{"input":"${"y".repeat(400_000)}","previous_response_id":"resp_0abc"}`)],
    ],
    ["a batch", "openai", "/batches", { id: "batch_77xyz" }, (at) => [`${at}/batches/batch_77xyz/cancel`, post("{}")]],
    ["a thread", "openai", "/threads", { id: "thread_aaa" }, (at) => [`${at}/threads/thread_aaa/messages`, post("{}")]],
    [
      "a batch of messages",
      "anthropic",
      "/messages/batches",
      { id: "msgbatch_01a" },
      (at) => [`${at}/messages/batches/msgbatch_01a`, {}],
    ],
    [
      "a cached prompt",
      "gemini",
      "/cachedContents",
      { name: "cachedContents/c1a2b3" },
      (at) => [`${at}/models/g:generateContent`, post('{"cachedContent":"cachedContents/c1a2b3"}')],
    ],
  ])("goes back to that account: %s", async (_what, provider, path, answer, next) => {
    const { fetch, keysUsed } = rig(() => made(answer), { provider: provider as ProviderName, keyCount: 3 });
    await fetch(`${api}/warm-up`);
    await (await fetch(`${api}${path}`, post("{}"))).json();
    const [, maker] = keysUsed();
    for (let count = 0; count < 3; count++) await fetch(...next(api));
    expect(keysUsed().slice(2)).toEqual([maker, maker, maker]);
  });

  it("goes back there also when a stream handed it out", async () => {
    const stream = streamed();
    const { fetch, keysUsed } = rig((_sent, number) => (number === 2 ? stream.response : ok()), {
      provider: "openai",
      keyCount: 3,
    });
    await fetch(`${api}/warm-up`);
    stream.send({ type: "response.created", response: { id: "resp_0stream" } });
    stream.end();
    const response = await fetch(`${api}/responses`, post("{}"));
    await response.text();
    await fetch(`${api}/responses`, post('{"previous_response_id":"resp_0stream"}'));
    expect(keysUsed()[2]).toBe(keysUsed()[1]);
  });

  it("goes back there with the second step of an upload", async () => {
    const address = `${api}beta/upload?upload_id=AbCd-1234_5678&x=1`;
    const { fetch, keysUsed } = rig(
      (_sent, number) => (number === 2 ? Response.json({}, { headers: { "x-goog-upload-url": address } }) : ok()),
      { provider: "gemini", keyCount: 3 },
    );
    await fetch(`${api}/warm-up`);
    await fetch(`${api}beta/upload/files`, post("{}"));
    await fetch(address, { method: "PUT", body: "bytes" });
    expect(keysUsed()[2]).toBe(keysUsed()[1]);
  });

  it("says so when that account cannot serve, and counts no other", async () => {
    const { fetch, keysUsed, rotator } = rig(() => made({ id: "file-mine1" }), {
      provider: "openai",
      keyCount: 3,
      maxWaitMs: 0,
    });
    await (await fetch(`${api}/files`, post("{}"))).text();
    const ids = (await rotator.snapshot()).keys.map(({ id }) => id);
    const maker = ids[keysUsed()[0] as number] as string;
    rotator.disable(maker);
    const response = await fetch(`${api}/files/file-mine1`);
    expect(response.status).toBe(503);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toContain(`(1 switched off). It belongs to account "${maker}"`);
    expect(keysUsed()).toHaveLength(1);
  });

  it("waits for that account instead of asking one that does not know it", async () => {
    const { fetch, keysUsed, clock } = rig(() => made({ id: "file-only1" }), {
      provider: "openai",
      keyCount: 2,
      limits: [{ requests: 1, per: 1000 }],
      maxWaitMs: 5000,
    });
    await (await fetch(`${api}/files`, post("{}"))).text();
    const next = fetch(`${api}/files/file-only1`);
    await clock.advance(2000);
    expect((await next).status).toBe(200);
    expect(keysUsed()[1]).toBe(keysUsed()[0]);
  });
});
