import { describe, expect, it } from "vitest";
import { createProxyHandler } from "../../../src/index.ts";
import { newSecret } from "../../support/test-keys.ts";
import { ask } from "./client.ts";
import { startRig } from "./rig.ts";

/** What a provider and a client hear of each other through a proxy. */
async function through(sent: Record<string, string>, answered: Record<string, string>) {
  let arrived = new Headers();
  const handle = createProxyHandler({
    provider: "generic",
    target: "http://provider.test/v1",
    keys: [newSecret()],
    authorize: "public",
    fetch: async (_url, init) => {
      arrived = new Headers(init?.headers);
      return new Response("fine", { headers: answered });
    },
  });
  const response = await handle(new Request("http://proxy.test/a", { headers: sent }));
  return { arrived, back: response.headers };
}

describe("goesUpstream", () => {
  it.each([
    ["proxy-authorization", "Basic eA=="],
    ["te", "trailers"],
    ["accept-encoding", "zstd"],
    ["x-api-key", "another"],
    ["cookie", "a=1"],
    ["origin", "https://app.test"],
    ["referer", "https://app.test/"],
    ["forwarded", "for=10.0.0.1"],
    ["via", "1.1 edge"],
    ["x-real-ip", "10.0.0.1"],
    ["x-client-ip", "10.0.0.1"],
    ["x-cluster-client-ip", "10.0.0.1"],
    ["true-client-ip", "10.0.0.1"],
    ["x-forwarded-for", "10.0.0.1"],
    ["cf-connecting-ip", "10.0.0.1"],
    ["sec-fetch-mode", "navigate"],
    ["x-http-method", "DELETE"],
    ["x-http-method-override", "DELETE"],
    ["x-method-override", "DELETE"],
    ["x-original-url", "/admin"],
    ["x-rewrite-url", "/admin"],
    ["x-rotating-fetch-options", "{}"],
  ])("keeps a client's `%s` from the provider", async (name, value) => {
    const { arrived } = await through({ [name]: value, "x-kept": "1" }, {});
    expect([arrived.get("x-kept"), arrived.get(name)]).toEqual(["1", null]);
  });

  it("keeps back what the client's connection lists, but not the key", async () => {
    const sent = { connection: "close, X-Hop, authorization", "x-hop": "1" };
    const { arrived } = await through(sent, {});
    expect([arrived.get("x-hop"), arrived.has("authorization")]).toEqual([null, true]);
  });
});

describe("goesBack", () => {
  it.each([
    "keep-alive",
    "proxy-authenticate",
    "proxy-status",
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "public-key-pins",
    "content-security-policy",
    "clear-site-data",
    "nel",
    "report-to",
    "reporting-endpoints",
    "access-control-allow-origin",
  ])("keeps a provider's `%s` from the client", async (name) => {
    const { back } = await through({}, { [name]: "any", "x-kept": "1" });
    expect([back.get("x-kept"), back.get(name)]).toEqual(["1", null]);
  });

  it("lets no key through in a header that comes twice", async () => {
    for (const face of ["undici", "fetch", "web"] as const) {
      const rig = await startRig({ face });
      rig.upstream.behave("twice", (response, { headers }) => {
        const said = headers.authorization ?? "";
        response.setHeader("warning", [`199 - "${said}"`, "199 - other"]).end("fine");
      });
      const { headers } = await ask(`${rig.origin}/twice/a`, { headers: rig.headers });
      expect(headers["warning"]).toBe('199 - "Bearer [secret]", 199 - other');
    }
  });
});
