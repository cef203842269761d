import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createProxyHandler, createRotatingFetch, type KeyConfig } from "../../src/index.ts";
import { createNodeProxy } from "../../src/node.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

const home = "https://home.test/v1";
const bases = {
  groq: "https://one.test/openai/v1",
  openrouter: "https://two.test/api/v1",
  gemini: "https://three.test",
};

/** A pool of a plain key and three of other providers, before a network that redirects everybody to everybody else. */
function pool() {
  const secrets = { plain: newSecret(), groq: newSecret(), openrouter: newSecret(), gemini: newSecret() };
  const seen: { readonly host: string; readonly sent: string }[] = [];
  const hosts = ["home.test", "one.test", "two.test", "three.test", "elsewhere.test"];
  let turn = 0;
  const network = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { host } = new URL(url);
    seen.push({ host, sent: `${url} ${JSON.stringify([...new Headers(init.headers)])}` });
    const next = hosts[turn++ % hosts.length] as string;
    if (turn % 3 !== 0) return Response.json({ ok: true });
    return new Response(null, {
      status: 307,
      headers: { location: `https://${next}/v1/models?from=${encodeURIComponent(url)}` },
    });
  };
  const keys: KeyConfig[] = [
    { id: "plain", secret: secrets.plain },
    ...(["groq", "openrouter"] as const).map((id) => ({ id, secret: secrets[id], provider: id, baseURL: bases[id] })),
    { id: "gemini", secret: secrets.gemini, provider: "gemini", baseURL: bases.gemini },
  ];
  const options = { provider: "openai", keys, fetch: network, protocol: "any", retries: 0, maxWaitMs: 0 } as const;
  const places: Readonly<Record<string, keyof typeof secrets>> = {
    "home.test": "plain",
    "one.test": "groq",
    "two.test": "openrouter",
    "three.test": "gemini",
  };
  /** Secrets that arrived where they do not belong. */
  const strayed = () =>
    seen.flatMap(({ host, sent }) =>
      Object.entries(secrets)
        .filter(([id, secret]) => sent.includes(secret) && places[host] !== id)
        .map(([id]) => `${id} at ${host}`),
    );
  return { options, seen, strayed };
}

describe("a key of one provider", () => {
  const asked = [home, ...Object.values(bases)].flatMap((base) => [
    `${base}/models`,
    `${new URL(base).origin}/else/where`,
  ]);

  it("never goes to another's origin, whatever a call names, where redirects lead and how it is probed", async () => {
    const { options, seen, strayed } = pool();
    const fetch = createRotatingFetch({ ...options, baseURL: home });
    for (let round = 0; round < 8; round++) {
      for (const url of asked) {
        for (const headers of [{ authorization: "Bearer x" }, { "x-goog-api-key": "x" }, {}]) {
          await fetch(`${url}${round % 2 === 0 ? "" : "?key=x"}`, { headers }).then((answer) => answer.text());
        }
      }
    }
    await fetch.rotator.check();
    expect(new Set(seen.map(({ host }) => host)).size).toBeGreaterThan(3);
    expect(strayed()).toEqual([]);
  });

  it("never does through a proxy either, on whichever platform", async () => {
    const { options, seen, strayed } = pool();
    const proxy = createProxyHandler({ ...options, target: home, authorize: "public", allowedPaths: ["/*"] });
    const node = createNodeProxy({
      ...options,
      target: home,
      authorize: "public",
      allowedPaths: ["/*"],
      transport: "fetch",
    });
    const server = createServer((request, response) => node(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    for (let round = 0; round < 12; round++) {
      await proxy(new Request("https://proxy.test/models", { headers: { authorization: "Bearer x" } }));
      await fetch(`http://127.0.0.1:${port}/models`, { redirect: "manual", headers: { authorization: "Bearer x" } });
    }
    expect(seen.length).toBeGreaterThan(20);
    expect(strayed()).toEqual([]);
  });

  it("leaves through its own `fetch` where a proxy of Node has a transport of its own", async () => {
    const through: string[] = [];
    const network = async (url: string): Promise<Response> => {
      through.push(url);
      return Response.json({});
    };
    const keys = [{ secret: newSecret(), provider: "groq" as const, fetch: network }];
    const proxy = createNodeProxy({ keys, authorize: "public", allowedPaths: ["/*"], transport: "undici" });
    const server = createServer((request, response) => proxy(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect((await fetch(`http://127.0.0.1:${port}/models`)).status).toBe(200);
    expect(through).toEqual(["https://api.groq.com/openai/v1/models"]);
  });
});
