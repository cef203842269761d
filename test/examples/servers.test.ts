import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { newTokens, serve, startProvider } from "./provider.ts";
import { buildExamples } from "./run-example.ts";

const url = (name: string): URL => new URL(`../../examples/${name}`, import.meta.url);
const chatBody = JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hello" }] });

const servers = [
  { name: "express-server.ts", proxy: "/v1", admin: "" },
  { name: "koa-server.ts", proxy: "/v1", admin: "/admin" },
  { name: "hono-server.ts", proxy: "/llm/v1", admin: "/admin" },
  { name: "node-server.ts", proxy: "/v1", admin: "/admin" },
];

describe("example servers", () => {
  buildExamples(...servers.map(({ name }) => name));

  it.each(servers)("$name answers through its proxy and its admin API, and ends when told to", async (example) => {
    const provider = await startProvider(2);
    const { tokens, environment } = newTokens();
    const secrets = [...provider.keys, tokens.admin, tokens.client];
    const settings = { ...environment, API_KEYS: provider.keys.join(), TARGET_URL: provider.emulator.url };
    const running = await serve({ name: example.name, environment: settings }, secrets);
    const { origin } = running;
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:/);

    const ask = (token: string): Promise<Response> =>
      fetch(`${origin}${example.proxy}/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: chatBody,
      });
    for (let count = 0; count < 2; count++) {
      expect(await (await ask(tokens.client)).json()).toMatchObject({ object: "chat.completion" });
    }
    expect(provider.chatsSince(0)).toEqual([0, 1]);
    expect((await ask(tokens.admin)).status).toBe(401);

    const stats = `${origin}${example.admin}/api/channel/1/keys/stats`;
    const admitted = await fetch(stats, { headers: { authorization: `Bearer ${tokens.admin}` } });
    expect(await admitted.json()).toMatchObject({ success: true, data: { total_keys: 2, enabled_keys: 2 } });
    expect((await fetch(stats, { headers: { authorization: `Bearer ${tokens.client}` } })).status).toBe(401);

    const ended = await running.stop();
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ended.elapsedMs).toBeLessThan(1_000);
  });

  it("runs without any settings, with tokens made for the run", async () => {
    const running = await serve({ name: "express-server.ts", environment: {} }, []);
    const token = await running.until(/^CLIENT_TOKEN for this run: (\S{32,})$/m);
    const models = `${running.origin}/v1/models`;
    expect((await fetch(models)).status).toBe(401);
    expect((await fetch(models, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  it.each(servers)("$name is short enough to copy", ({ name }) => {
    expect(readFileSync(url(name), "utf8").split("\n").length).toBeLessThan(40);
  });
});

describe("examples/next-route.ts", () => {
  it("is a route handler for every method", async () => {
    const provider = await startProvider(2);
    const { tokens } = newTokens();
    vi.stubEnv("OPENAI_API_KEYS", provider.keys.join());
    vi.stubEnv("OPENAI_BASE_URL", provider.emulator.baseURL);
    vi.stubEnv("CLIENT_TOKEN", tokens.client);
    const route = await import("../../examples/next-route.ts").finally(() => vi.unstubAllEnvs());
    expect(route).toMatchObject({ dynamic: "force-dynamic", maxDuration: expect.any(Number) });
    const requestOf = (path: string, init: RequestInit, token = tokens.client): Request =>
      new Request(`https://app.example.test${path}`, {
        ...init,
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      });
    const chat = { method: "POST", body: chatBody };
    expect(await (await route.POST(requestOf("/llm/chat/completions", chat))).json()).toMatchObject({
      object: "chat.completion",
    });
    expect((await route.POST(requestOf("/llm/chat/completions", chat, tokens.admin))).status).toBe(401);
    expect((await route.GET(requestOf("/elsewhere", {}))).status).toBe(404);
    for (const method of ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const) {
      expect((await route[method](requestOf("/llm/echo", { method }))).status).toBe(200);
      expect(provider.emulator.arrivals.at(-1)).toMatchObject({ method, path: "/v1/echo" });
    }
  });
});
