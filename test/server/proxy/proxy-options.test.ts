import { describe, expect, it } from "vitest";
import { createProxyHandler, type InvalidOptionsError, type ProxyOptions } from "../../../src/index.ts";
import { newSecret } from "../../support/test-keys.ts";

/** A proxy that tells what it sent. */
function proxyWith(options: Partial<ProxyOptions>) {
  const sent: { readonly url: string; readonly headers: Headers }[] = [];
  const handle = createProxyHandler({
    provider: "generic",
    target: "http://provider.test",
    keys: [newSecret()],
    authorize: "public",
    fetch: async (url: string, init?: RequestInit) => {
      sent.push({ url, headers: new Headers(init?.headers) });
      return new Response("fine");
    },
    ...options,
  } as ProxyOptions);
  return { sent, ask: (path: string) => handle(new Request(`http://proxy.test${path}`)) };
}

function refusalOf(options: Partial<ProxyOptions>): InvalidOptionsError {
  try {
    proxyWith(options);
  } catch (error) {
    return error as InvalidOptionsError;
  }
  throw new Error("It was taken");
}

describe("resolveProxyOptions", () => {
  it.each([
    "v1/*",
    "",
    "/v1/models?limit=1",
    "/v1/models#top",
    "/v1/my models",
    "/v1/modèles",
    "//v1/models",
    "/v1/../models",
    "/v1/%2e%2e/models",
    "/v1/./models",
    "/v1\\models",
    "/v1/50%",
  ])("refuses an allowed path that no request can have, and names the entry: %s", (path) => {
    const { name, field, message } = refusalOf({ allowedPaths: ["/v1/chat/*", path] });
    expect([name, field]).toEqual(["InvalidOptionsError", "allowedPaths[1]"]);
    expect(message).toContain("Expected `allowedPaths[1]` to be a path");
  });

  it.each([
    ["/v1/chat/completions", "/v1/chat/completions"],
    ["/*", "/v1/models"],
    ["/v1/*/x", "/v1/a/b/x"],
    ["/v1/m%C3%B6del:run", "/v1/m%C3%B6del:run"],
    ["/v1/.well-known", "/v1/.well-known"],
    ["/v1/models/", "/v1/models/"],
  ])("takes an allowed path that requests can have: %s", async (pattern, path) => {
    const { ask } = proxyWith({ allowedPaths: [pattern] });
    expect([(await ask(path)).status, (await ask("/other")).status]).toEqual([200, pattern === "/*" ? 200 : 404]);
  });

  it.each([
    ["an object", { "HTTP-Referer": "https://app.test", "x-one": "1" }],
    ["a Headers", new Headers({ "HTTP-Referer": "https://app.test", "x-one": "1" })],
    [
      "a Map",
      new Map([
        ["HTTP-Referer", "https://app.test"],
        ["x-one", "1"],
      ]),
    ],
  ])("adds headers given as %s", async (_what, headers) => {
    const { ask, sent } = proxyWith({ headers: headers as Headers });
    await ask("/a");
    expect([sent[0]?.headers.get("http-referer"), sent[0]?.headers.get("x-one")]).toEqual(["https://app.test", "1"]);
  });

  it("refuses a credential among headers, whatever they are given as", () => {
    for (const headers of [{ Authorization: "x" }, new Headers({ authorization: "x" })]) {
      expect(refusalOf({ headers }).field).toBe("headers");
    }
    expect(refusalOf({ headers: [["x-one", "1"]] as never }).field).toBe("headers");
  });
});
