import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "vitest";
import { createProxyHandler, InvalidOptionsError, type ProxyOptions } from "../../../src/index.ts";
import { createNodeProxy } from "../../../src/node.ts";
import { newSecret } from "../../support/test-keys.ts";
import { ask, begin, open } from "./client.ts";
import { faces, newToken, startRig } from "./rig.ts";

type Authorize = ProxyOptions["authorize"];

const optionsWith = (authorize: unknown): ProxyOptions => ({
  provider: "generic",
  target: "http://127.0.0.1:1/v1",
  keys: [newSecret()],
  authorize: authorize as Authorize,
});

describe("authorize", () => {
  it.each([
    ["missing", undefined],
    ["null", null],
    ["true", true],
    ["another word", "open-to-all"],
    ["a single token", newToken()],
    ["an empty list", []],
    ["a list with a token that can be guessed", ["short"]],
    ["a list with something else", [newToken(), 5]],
    ["a list with a variable that is not set", [undefined]],
  ])("is an InvalidOptionsError when it is %s, and the message repeats no token", (_what, authorize) => {
    for (const create of [createProxyHandler, createNodeProxy]) {
      let error: unknown;
      try {
        create(optionsWith(authorize));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(InvalidOptionsError);
      expect(error).toMatchObject({ field: expect.stringMatching(/^authorize/) });
      if (typeof authorize === "string") expect(String(error)).not.toContain(authorize);
    }
  });
});

describe.each(faces)("authorize (%s)", (face) => {
  const statusWith = async (authorize: Authorize, headers: Record<string, string> = {}): Promise<number> => {
    const rig = await startRig({ face, options: { authorize } });
    return (await ask(`${rig.origin}/echo/a`, { headers })).status;
  };

  it("lets everybody through when it is public", async () => {
    expect(await statusWith("public")).toBe(200);
  });

  it("lets each of a list of tokens through", async () => {
    const tokens = [newToken(), newToken()];
    for (const token of tokens) expect(await statusWith(tokens, { authorization: `Bearer ${token}` })).toBe(200);
  });

  it("asks a function, which may take its time", async () => {
    const byMethod: Authorize = ({ method, url, header }) =>
      method === "GET" && url === "/echo/a" && header("x-user") === "known" && header("x-other") === null;
    for (const authorize of [byMethod, async (request: Parameters<typeof byMethod>[0]) => byMethod(request)]) {
      expect(await statusWith(authorize, { "x-user": "known" })).toBe(200);
      expect(await statusWith(authorize, { "x-user": "unknown" })).toBe(401);
    }
  });

  it("waits for promises of other libraries, too", async () => {
    const thenable = (value: boolean) =>
      // biome-ignore lint/suspicious/noThenProperty: that is what such a promise is
      ({ then: (resolve: (value: boolean) => void) => resolve(value) }) as unknown as Promise<boolean>;
    expect(await statusWith(() => thenable(false))).toBe(401);
    expect(await statusWith(() => thenable(true))).toBe(200);
  });

  it.each([undefined, null, 0, "", "yes", 1, false])("refuses when the function answers %j", async (answer) => {
    expect(await statusWith(() => answer as never)).toBe(401);
  });

  it("is no fault of the provider when it fails, and tells the client nothing", async () => {
    const secret = newSecret();
    for (const authorize of [
      () => {
        throw new Error(secret);
      },
      () => Promise.reject(new Error(secret)),
    ] as Authorize[]) {
      const rig = await startRig({ face, options: { authorize } });
      const answer = await ask(`${rig.origin}/echo/a`);
      expect([answer.status, answer.json().error.code]).toEqual([500, "authorize_failed"]);
      expect(answer.body.toString()).not.toContain(secret);
    }
  });

  it("may decide on a call's options, which then go before those of the client", async () => {
    const past = Date.now() - 1_000;
    const headers = { "x-rotating-fetch-options": JSON.stringify({ deadline: Date.now() + 60_000 }) };
    expect(await statusWith(() => ({ options: { deadline: past }, mayChoose: true }), headers)).toBe(504);
    expect(await statusWith(() => ({ options: { deadline: past } }))).toBe(504);
  });

  it("that takes longer than the client waits leads to no request", async () => {
    const news = new EventEmitter();
    const admitted = once(news, "admitted").then(() => true);
    const authorize: Authorize = ({ url }) => {
      if (!url.includes("gone")) return true;
      news.emit("asked");
      return admitted;
    };
    const rig = await startRig({ face, options: { authorize } });
    const asked = once(news, "asked").then(() => once(news, "asked"));
    const sending = begin(`${rig.origin}/echo/gone`);
    const uploading = open(`${rig.origin}/echo/gone`, { method: "POST", headers: { "content-length": "10" } });
    uploading.write("a");
    await asked;
    sending.destroy();
    uploading.destroy();
    // Behind this one the server has noticed as well.
    expect((await ask(`${rig.origin}/echo/here`)).status).toBe(200);
    news.emit("admitted");
    expect((await ask(`${rig.origin}/echo/next`)).status).toBe(200);
    expect(rig.upstream.arrivals.map(({ id }) => id)).toEqual(["here", "next"]);
  });
});

describe("authorize, when its function answers with something else than it may", () => {
  it.each([
    ["a record of a user", { id: 1, name: "u" }],
    ["a misspelt field", { optoins: {} }],
    ["options that are none", { options: { prioriti: 1 } }],
    ["a flag that is none", { mayChoose: "yes" }],
  ])("lets nobody through: %s", async (_name, answer) => {
    const handle = createProxyHandler({
      keys: ["test-key-of-authorize"],
      target: "https://api.example.test",
      fetch: () => Promise.reject(new Error("nothing may be sent")),
      authorize: () => answer as never,
    });
    const response = await handle(new Request("https://proxy.example.test/v1/models"));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { code: "authorize_failed" } });
  });
});

describe("a redirect of the provider", () => {
  it("is followed with a key only where the client might have asked itself", async () => {
    const asked: string[] = [];
    const handle = createProxyHandler({
      keys: ["test-key-of-redirects"],
      target: "https://api.example.test/v1",
      allowedPaths: ["/models", "/models-2"],
      authorize: "public",
      fetch: async (url) => {
        asked.push(url);
        if (url.endsWith("/models")) return new Response(null, { status: 302, headers: { location: "/v1/models-2" } });
        return new Response(null, { status: 302, headers: { location: "/admin/keys" } });
      },
    });
    const response = await handle(new Request("https://proxy.example.test/models"));
    expect([response.status, response.headers.get("location")]).toEqual([302, "/admin/keys"]);
    expect(asked).toEqual(["https://api.example.test/v1/models", "https://api.example.test/v1/models-2"]);
  });

  it.each(["/v1/files", "/v1/models/../files", "/v1/models%2f..%2ffiles"])(
    "is handed over where it leads below the target to no allowed path: %s",
    async (location) => {
      const asked: string[] = [];
      const handle = createProxyHandler({
        keys: [newSecret()],
        target: "https://api.example.test/v1",
        allowedPaths: ["/models*"],
        authorize: "public",
        fetch: async (url) => {
          asked.push(url);
          return new Response(null, { status: 302, headers: { location } });
        },
      });
      expect((await handle(new Request("https://proxy.example.test/models"))).status).toBe(302);
      expect(asked).toHaveLength(1);
    },
  );
});
