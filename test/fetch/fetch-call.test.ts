import { describe, expect, it } from "vitest";
import { FetchCall } from "../../src/fetch/fetch-call.ts";
import { createRotatingFetch } from "../../src/index.ts";
import { rateLimited } from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { chatUrl, hang, limited, ok, post, rig } from "./fixture.ts";

const json = { "content-type": "application/json" };

async function setUp() {
  const keys = [newSecret(), newSecret()];
  const emulator = await startEmulator({
    keys: [{ secret: keys[0] as string, script: [rateLimited()] }, keys[1] as string],
  });
  return { emulator, fetch: createRotatingFetch({ keys, baseURL: emulator.url }), url: `${emulator.url}/echo` };
}

describe("initOfRequest", () => {
  it("sends what a Request holds, as often as it takes", async () => {
    const { emulator, fetch, url } = await setUp();
    const headers = { ...json, authorization: "Bearer rotating", "x-mine": "kept" };
    const response = await fetch(new Request(url, { method: "PATCH", body: '{"model":"m7"}', headers }));
    const echo = await response.json();
    expect(echo).toMatchObject({ method: "PATCH", bodyBytes: 14, headers: { "x-mine": "kept", ...json } });
    expect(emulator.arrivals.map(({ model, bodyBytes }) => [model, bodyBytes])).toEqual([
      ["m7", 14],
      ["m7", 14],
    ]);
    expect(emulator.arrivals[1]?.headers["content-length"]).toBe("14");
  });

  it("lets an init win over the Request, field by field", async () => {
    const { emulator, fetch, url } = await setUp();
    const request = new Request(url, { method: "POST", body: "old", headers: { "x-old": "1" } });
    const init = { method: undefined, headers: { "x-new": "2" }, body: "newer" } as unknown as RequestInit;
    await fetch(request, init);
    expect(emulator.arrivals[1]).toMatchObject({ method: "POST", bodyBytes: 5 });
    expect(emulator.arrivals[1]?.headers).toMatchObject({ "x-new": "2" });
    expect(emulator.arrivals[1]?.headers).not.toHaveProperty("x-old");
  });

  it("obeys the Request's own signal, and an init's in its place", async () => {
    const { fetch, rotator } = rig(hang);
    const own = new AbortController();
    const other = new AbortController();
    const reason = new Error("stop");
    const request = () => new Request(chatUrl, { signal: own.signal });
    const first = fetch(request());
    const second = fetch(request(), { signal: other.signal });
    const watched = second.catch((error: unknown) => error);
    own.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(rotator.inFlight).toBe(1);
    other.abort(reason);
    expect(await watched).toBe(reason);
    expect(rotator.inFlight).toBe(0);
  });

  it("takes a URL object, with and without an init", async () => {
    const { emulator, fetch, url } = await setUp();
    expect((await fetch(new URL(url))).status).toBe(200);
    expect((await (await fetch(new URL(url), post("abc"))).json()).bodyBytes).toBe(3);
    expect(emulator.arrivals.every(({ secret }) => secret !== undefined)).toBe(true);
  });

  it("refuses a Request whose body was read already, and uses no key for it", async () => {
    const { fetch, sent } = rig(ok);
    const request = new Request(chatUrl, post("abc"));
    await request.text();
    await expect(fetch(request)).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });
});

/** A Request and its headers as a package's own classes have them. */
function foreignRequest(fields: object = {}): Request {
  const headers = new (class ForeignHeaders extends Map<string, string> {})([
    ["x-mine", "kept"],
    ["authorization", "Bearer rotating"],
  ]);
  const body = new Blob(["abc"]).stream();
  return { url: chatUrl, method: "PUT", headers, body, bodyUsed: false, redirect: "follow", ...fields } as never;
}

describe("a Request of another package", () => {
  it("is sent with what it holds, and with nothing it does not know of", async () => {
    const { fetch, sent, keysUsed } = rig((_sent, number) => (number === 1 ? limited() : ok()));
    await fetch(foreignRequest());
    expect(keysUsed()).toEqual([0, 1]);
    const fields = Object.entries(sent[1]?.init ?? {}).filter(([, value]) => value !== undefined);
    expect(fields.map(([name]) => name).sort()).toEqual(["body", "headers", "method", "redirect"]);
    expect(sent[1]?.headers.get("x-mine")).toBe("kept");
    expect([sent[1]?.init.method, await new Response(sent[1]?.init.body).text()]).toEqual(["PUT", "abc"]);
  });

  it.each([{ bodyUsed: true }, { body: { locked: true } }])("is refused when it was used: %o", async (fields) => {
    const { fetch, sent } = rig(ok);
    await expect(fetch(foreignRequest(fields))).rejects.toThrow(TypeError);
    expect(sent).toHaveLength(0);
    expect((await fetch(foreignRequest(fields), { body: "another" })).status).toBe(200);
  });
});

describe("null in an init", () => {
  const nothing = { method: null, headers: null, body: null } as unknown as RequestInit;

  it("says nothing beside a Request, but takes its signal away", async () => {
    const { fetch, sent } = rig(hang);
    const controller = new AbortController();
    const init = { method: "PUT", body: "abc", headers: { "x-mine": "kept" }, signal: controller.signal };
    void fetch(new Request(chatUrl, init), { ...nothing, signal: null });
    await expect.poll(() => sent.length).toBe(1);
    controller.abort();
    expect([sent[0]?.init.method, sent[0]?.headers.get("x-mine"), sent[0]?.init.signal]).toEqual(["PUT", "kept", null]);
    expect(await new Response(sent[0]?.init.body).text()).toBe("abc");
  });

  it("is no method", async () => {
    const { fetch, url } = await setUp();
    expect(await (await fetch(url, nothing)).json()).toMatchObject({ method: "GET" });
  });
});

describe("a Request as an init", () => {
  it("counts with what it holds, beside a URL and beside a Request", async () => {
    const { emulator, fetch, url } = await setUp();
    const init = (): Request =>
      new Request("https://elsewhere.test/", { method: "PUT", body: "abc", headers: { "x-a": "1" } });
    for (const input of [url, new Request(url)]) {
      emulator.clear();
      expect((await fetch(input, init())).status).toBe(200);
      expect(emulator.arrivals.at(-1)).toMatchObject({ method: "PUT", bodyBytes: 3 });
      expect(emulator.arrivals.at(-1)?.headers["x-a"]).toBe("1");
    }
  });
});

describe("FetchCall", () => {
  it.each([
    ["text", '{"model":"big","messages":[]}'],
    ["bytes", new TextEncoder().encode('{"messages":[],"model":"big"}')],
  ])("finds the model in a body of %s, so that keys meant for it are used", async (_what, body) => {
    const keys = [
      { secret: newSecret(), models: "small" },
      { secret: newSecret(), models: ["big", "huge"] },
    ];
    const { fetch, sent } = rig(ok, { keys });
    await fetch(chatUrl, post(body as BodyInit));
    expect(sent[0]?.headers.get("authorization") === `Bearer ${keys[1]?.secret}`).toBe(true);
  });
});

describe("FetchCall.findModel", () => {
  const call = (url: string, body?: string) =>
    new FetchCall(
      url,
      "https://api.example.com",
      { method: "POST", ...(body === undefined ? undefined : { body }) },
      undefined,
    );

  it("finds the model in the path where a provider puts it there, else in the body", () => {
    const shape = { modelInPath: ["/models/", ":"] } as const;
    const native = "https://api.example.com/v1beta/models/gemini-pro:generateContent?alt=sse";
    expect(call(native, '{"contents":[]}').findModel(shape)).toBe("gemini-pro");
    expect(call("https://api.example.com/v1beta/openai/chat", '{"model":"m"}').findModel(shape)).toBe("m");
    expect(call(native, '{"model":"m"}').findModel({})).toBe("m");
    expect(call("https://api.example.com/v1beta/models/").findModel(shape)).toBeUndefined();
  });
});
