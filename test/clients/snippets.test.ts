import { describe, expect, it, onTestFinished, vi } from "vitest";
import { text } from "./support/answers/answer.ts";
import type { Refusal } from "./support/answers/refusals.ts";
import { fileNameOf, readSnippets, type Snippet } from "./support/snippets.ts";
import { sendingTo, setUp, type World } from "./support/world.ts";

const hour = { retryAfterSeconds: 3_600 };
const snippets = readSnippets();
const catching = snippets.filter(({ code }) => code.includes("} catch"));

/** Runs a snippet as a program that finds these keys in its environment, and returns what it printed. */
async function run(snippet: Snippet, refusals: readonly (Refusal | undefined)[]): Promise<World & { output: string }> {
  const world = await setUp(refusals, { baseURL: "https://api.example.com" });
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
  });
  vi.stubGlobal("fetch", sendingTo(world.server));
  for (const [, name = ""] of snippet.code.matchAll(/process\.env\.(\w+)/g)) vi.stubEnv(name, world.secrets.join(","));
  const log = vi.spyOn(console, "log").mockReturnValue(undefined);
  onTestFinished(() => log.mockRestore());
  vi.resetModules();
  const file = `./${fileNameOf(snippet)}`;
  await import(/* @vite-ignore */ file);
  return { ...world, output: log.mock.calls.flat().join("\n") };
}

describe("docs/clients.md", () => {
  it("has a snippet for every client it lists", () => {
    expect(snippets.length).toBeGreaterThan(15);
  });

  it.each(snippets)("has a snippet under $name that gets its answer from the second key", async (snippet) => {
    let { output, server } = await run(snippet, [{}, undefined]);
    // A conversation begins at either key: until it is the one that refuses.
    for (
      let again = 0;
      again < 30 && snippet.code.includes("affinity") && server.arrivals[0]?.status !== 429;
      again++
    ) {
      expect(output).toContain(text);
      ({ output, server } = await run(snippet, [{}, undefined]));
    }
    expect(output).toContain(text);
    expect(server.arrivals[0]?.status).toBe(429);
    expect(server.arrivals[1]?.status).toBe(200);
  });

  it.each(catching)("has a snippet under $name that tells when every key is used up", async (snippet) => {
    const { output, server } = await run(snippet, [hour, hour]);
    expect(output).toMatch(/^(again in (3599|360\d) seconds|every key is used up)$/);
    expect(server.arrivals).toHaveLength(2);
  });
});
