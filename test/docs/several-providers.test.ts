import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

const page = readFileSync(new URL("../../docs/guides/several-providers.md", import.meta.url), "utf8");

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("docs/guides/several-providers.md", () => {
  it("is read in two minutes", () => {
    expect(page.split(/\s+/).length).toBeLessThan(400);
  });

  it("shows what works, each provider asked under its own name for the model", async () => {
    const asked: unknown[] = [];
    const network = async (url: string, init: RequestInit): Promise<Response> => {
      const { host, pathname } = new URL(url);
      asked.push([host, pathname, (JSON.parse(String(init.body)) as { model: string }).model]);
      return Response.json({}, { status: host === "api.groq.com" ? 429 : host === "openrouter.ai" ? 503 : 200 });
    };
    vi.stubGlobal("fetch", network);
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const [, code] = page.match(/^```ts\n([\s\S]*?)^```$/m) as unknown as [string, string];
    const env = { GROQ_API_KEY: newSecret(), OPENROUTER_API_KEY: newSecret(), MISTRAL_API_KEY: newSecret() };
    const run = `return (async () => {${code.replace(/^import .*$/m, "")}})()`;
    await new Function("createRotatingFetch", "process", run)(createRotatingFetch, { env });
    expect(asked).toEqual([
      ["api.groq.com", "/openai/v1/chat/completions", "llama-3.3-70b-versatile"],
      ["openrouter.ai", "/api/v1/chat/completions", "meta-llama/llama-3.3-70b-instruct"],
      ["api.mistral.ai", "/v1/chat/completions", "mistral-large-latest"],
    ]);
    const [status, trace] = log.mock.calls[0] as [number, string];
    expect(status).toBe(200);
    expect(trace.match(/provider=\w+/g)).toEqual(["provider=groq", "provider=openrouter", "provider=mistral"]);
  });
});
