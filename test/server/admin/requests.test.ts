import { describe, expect, it } from "vitest";
import { isAdminPath } from "../../../src/server/admin/create-admin-handler.ts";
import { newSecret } from "../../support/test-keys.ts";
import { requestTo, rig, serve, writeToken } from "./fixture.ts";

const toggle = "/api/channel/keys/toggle";
const off = { channel_id: 1, key_index: 0, enabled: false };

describe("an admin handler", () => {
  it.each([
    "/",
    "/nothing",
    "/api",
    "/api/channel/1/keys",
    "/api/keys/a/b",
    "//stats",
    "/stats/",
    "/STATS",
    "/api/channel//keys/stats",
  ])("answers %s in JSON with 404, with a token and without", async (path) => {
    const { ask } = rig();
    expect(await ask(path)).toMatchObject({ status: 404, success: false, data: null, code: "not_found" });
    expect((await ask(path, { token: null })).status).toBe(404);
  });

  it.each([
    ["POST", "/stats", "GET, HEAD, OPTIONS"],
    ["GET", toggle, "OPTIONS, POST"],
    ["HEAD", toggle, "OPTIONS, POST"],
    ["POST", "/api/keys/0", "DELETE, GET, HEAD, OPTIONS, PATCH"],
    ["PUT", "/metrics", "GET, HEAD, OPTIONS"],
  ])("answers %s %s with 405 and the methods there are", async (method, path, allow) => {
    const { call } = rig();
    const response = await call(path, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
  });

  it("answers OPTIONS with the methods there are, and allows no other origin", async () => {
    const { call } = rig();
    const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
    const response = await call(toggle, { method: "OPTIONS", token: null, headers });
    expect([response.status, response.headers.get("allow"), await response.text()]).toEqual([204, "OPTIONS, POST", ""]);
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it.each(["/health", "/stats", "/api/keys", "/metrics", "/api/events/stream"])(
    "answers HEAD %s like GET, without the body",
    async (path) => {
      const { call, clock } = rig();
      const head = await call(path, { method: "HEAD" });
      const get = await call(path);
      expect([head.status, head.headers.get("content-type")]).toEqual([200, get.headers.get("content-type")]);
      expect(head.body).toBeNull();
      await get.body?.cancel();
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it.each([
    ["/health", 200],
    ["/nothing", 404],
    ["/api/keys", 200],
    ["/metrics", 200],
    ["/api/channel/9/keys/stats", 404],
  ])("lets nobody keep or reinterpret what %s says", async (path, status) => {
    const { call } = rig();
    const response = await call(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each([
    undefined,
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
  ])("changes nothing for a body said to be %s: a form of any web page could send it", async (type) => {
    const { handler, rotator } = rig();
    const request = new Request(`http://admin.test${toggle}`, {
      method: "POST",
      headers: { authorization: `Bearer ${writeToken}`, ...(type === undefined ? {} : { "content-type": type }) },
      body: JSON.stringify(off),
    });
    const response = await handler(request);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      415,
      "unsupported_media_type",
    ]);
    expect((await rotator.snapshot()).keys[0]?.enabled).toBe(true);
  });

  it("takes JSON with a charset, and no compressed one", async () => {
    const { ask } = rig();
    const send = (headers: Record<string, string>) => ask(toggle, { body: off, headers });
    expect((await send({ "content-type": "Application/JSON; charset=utf-8" })).status).toBe(200);
    expect((await send({ "content-encoding": "gzip" })).status).toBe(415);
  });

  it("reads bodies up to a size only, whether it is stated or not", async () => {
    const { handler, ask } = rig({ admin: { maxBodyBytes: 1000 } });
    const long = JSON.stringify({ ...off, filler: "x".repeat(1000) });
    expect(await ask(toggle, { body: long })).toMatchObject({ status: 413, code: "too_large" });
    expect(await ask(toggle, { body: off, headers: { "content-length": "1001" } })).toMatchObject({ status: 413 });
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(100).fill(0x20));
      },
    });
    const init: RequestInit & { duplex: "half" } = { method: "POST", body: endless, duplex: "half" };
    const headers = { authorization: `Bearer ${writeToken}`, "content-type": "application/json" };
    expect((await handler(new Request(`http://admin.test${toggle}`, { ...init, headers }))).status).toBe(413);
    expect(pulled).toBeLessThan(20);
  });

  it("does not wait for a body that never ends", async () => {
    const { handler, clock } = rig();
    const init: RequestInit & { duplex: "half" } = { method: "POST", body: new ReadableStream(), duplex: "half" };
    const headers = { authorization: `Bearer ${writeToken}`, "content-type": "application/json" };
    const answer = handler(new Request(`http://admin.test${toggle}`, { ...init, headers }));
    await clock.advance(30_000);
    expect((await answer).status).toBe(408);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ["no JSON", `{"channel_id":1,`],
    ["nothing", ""],
    ["a list", "[1]"],
    ["a text", '"text"'],
    ["null", "null"],
    ["deep nesting", `{"channel_id":${"[".repeat(100_000)}`],
    ["deep nesting that is closed", `{"channel_id":${"[".repeat(40)}${"]".repeat(40)}}`],
  ])("answers %s with 400", async (_title, body) => {
    expect(await rig().ask(toggle, { body })).toMatchObject({ status: 400, code: "bad_request", field: "body" });
  });

  it("answers bytes that are no text with 400", async () => {
    const { handler } = rig();
    const headers = { authorization: `Bearer ${writeToken}`, "content-type": "application/json" };
    const body = new Uint8Array([0x22, 0xff, 0xfe, 0x22]);
    expect((await handler(new Request(`http://admin.test${toggle}`, { method: "POST", headers, body }))).status).toBe(
      400,
    );
  });

  it("repeats nothing of a body it cannot read", async () => {
    const secret = newSecret();
    const { call } = rig();
    const response = await call("/api/keys", { body: `{"keys":["${secret}"` });
    expect(await response.text()).not.toContain(secret.slice(0, 12));
  });

  it.each([
    [toggle, { ...off, enabled: "false" }, "enabled"],
    [toggle, { ...off, key_index: "0" }, "key_index"],
    [toggle, { ...off, key_index: -1 }, "key_index"],
    [toggle, { ...off, key_index: 0.5 }, "key_index"],
    [toggle, { channel_id: 1, enabled: true }, "key_index"],
    [toggle, { ...off, key_id: 7 }, "key_id"],
    [toggle, { ...off, channel_id: { id: 1 } }, "channel_id"],
    ["/api/channel/keys/batch-toggle", { channel_id: 1, enabled: true, key_indices: [] }, "key_indices"],
    ["/api/channel/keys/batch-toggle", { channel_id: 1, enabled: true, key_indices: [0, null] }, "key_indices[1]"],
    ["/api/channel/keys/batch-toggle-by-batch", { channel_id: 1, enabled: true, batch_id: 3 }, "batch_id"],
    ["/api/channel/keys/import", { channel_id: 1, keys: ["x"] }, "mode"],
    ["/api/channel/keys/import", { channel_id: 1, keys: ["x"], mode: 2 }, "mode"],
    ["/api/channel/keys/import", { channel_id: 1, keys: [], mode: 0 }, "keys"],
    ["/api/channel/keys/import", { channel_id: 1, keys: {}, mode: 0 }, "keys"],
    ["/api/keys", { keys: ["x"], mode: 0 }, "mode"],
    ["/api/keys", { keys: ["x"], secret: "y" }, "secret"],
    ["/api/keys/check", { key_indices: ["0"] }, "key_indices[0]"],
  ])("names the field at fault: %s %j", async (path, body, field) => {
    expect(await rig().ask(path, { body })).toMatchObject({ status: 400, success: false, field });
  });

  it("takes `__proto__` and `constructor` for names like any others", async () => {
    const { ask, rotator } = rig();
    const poison = '"__proto__":{"enabled":false,"polluted":true},"constructor":{"prototype":{"polluted":true}}';
    expect(await ask(toggle, { body: `{"channel_id":1,"key_index":0,${poison}}` })).toMatchObject({
      status: 400,
      field: "enabled",
    });
    expect(await ask(toggle, { body: `{"channel_id":"__proto__","key_index":0,"enabled":false}` })).toMatchObject({
      status: 404,
    });
    expect(await ask("/api/keys/0", { method: "PATCH", body: `{"weight":2,${poison}}` })).toMatchObject({
      status: 400,
    });
    expect(await ask("/api/keys", { body: `{"keys":[{"secret":"${newSecret()}",${poison}}]}` })).toMatchObject({
      status: 400,
    });
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect((await ask(`/api/channel/${name}/keys/stats`)).status).toBe(404);
      expect((await ask(`/api/keys/${name}`)).status).toBe(404);
      expect((await ask(`/api/keys?channel=${name}`)).status).toBe(404);
    }
    expect({}).not.toHaveProperty("polluted");
    expect((await rotator.snapshot()).keys).toHaveLength(3);
  });

  it.each(["/api/keys/%ff", "/api/channel/%e0%a4%a/keys/stats"])("answers %s with 400", async (path) => {
    expect((await rig().ask(path)).status).toBe(400);
  });

  it.each(["/api/keys?chanel=1", "/api/keys?channel=1&channel=2", "/api/explain?model=a&token=b"])(
    "refuses a query it does not know: %s",
    async (path) => {
      expect((await rig().ask(path)).status).toBe(400);
    },
  );

  it("names a field or parameter nobody knows, and the one that was meant, but none that may be a secret", async () => {
    const { ask } = rig();
    const secret = newSecret();
    const edited = await ask("/api/keys/0", { method: "PATCH", body: { wieght: 2 } });
    expect(edited).toMatchObject({ status: 400, field: "wieght" });
    expect(edited.message).toMatch(/\(weight, .*\), got `wieght`; did you mean `weight`\?$/);
    expect((await ask("/api/keys?chanel=1")).message).toMatch(/got `chanel`; did you mean `channel`\?$/);
    const imported = await ask("/api/keys", { body: { keys: [newSecret(), { secret, acount: "a" }] } });
    expect(imported.data.results[1].message).toMatch(/got `acount`; did you mean `account`\?/);
    for (const name of [secret, `k1${secret.replaceAll(/\W/g, "").slice(-16)}`]) {
      const refused = await ask("/api/keys/0", { method: "PATCH", body: { [name]: 1 } });
      expect(refused).toMatchObject({ status: 400, field: "body" });
      expect(JSON.stringify(refused)).not.toContain(name);
    }
  });

  it("is found below the base path, and only there", async () => {
    const { handler } = rig({ admin: { basePath: "/admin" } });
    const status = async (path: string): Promise<number> => (await handler(requestTo(path))).status;
    expect(await status("/admin/stats")).toBe(200);
    expect([await status("/stats"), await status("/administrator/stats"), await status("/admin/../stats")]).toEqual([
      404, 404, 404,
    ]);
  });

  it("answers over a connection what it answers without one", async () => {
    const { handler } = rig();
    const url = await serve(handler);
    const response = await fetch(`${url}${toggle}`, { method: "POST", body: "a=b" });
    expect(response.status).toBe(401);
    expect((await fetch(`${url}/health`, { method: "HEAD" })).status).toBe(200);
  });
});

describe("isAdminPath", () => {
  it("tells hosts which paths are the handler's", () => {
    expect(["/health", "/api/keys/x", "/api/channel/1/keys/stats"].map((path) => isAdminPath(path))).toEqual([
      true,
      true,
      true,
    ]);
    expect([isAdminPath("/v1/chat/completions"), isAdminPath("/"), isAdminPath("/health", "/admin")]).toEqual([
      false,
      false,
      false,
    ]);
    expect(isAdminPath("/admin/health", "/admin")).toBe(true);
  });
});
