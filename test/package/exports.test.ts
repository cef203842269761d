import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, inject, it } from "vitest";

const dist = join(inject("packageDirectory"), "dist");
const require = createRequire(import.meta.url);

/** What each entry of the package exports at run time. A name added or lost here is a change for every user. */
const entries = [
  {
    name: "index",
    exported: [
      "AllKeysExhaustedError",
      "ErrorClassifier",
      "ForeignOriginError",
      "InvalidOptionsError",
      "KeyRotator",
      "KeySourceError",
      "KeyStoreError",
      "Lease",
      "MemoryKeyStore",
      "MemoryStore",
      "ProxyError",
      "RateLimitTracker",
      "RotatingFetchError",
      "RotatorClosedError",
      "StateFileError",
      "afterSuccess",
      "applyCooldown",
      "createAdminHandler",
      "createProxyHandler",
      "createRotatingFetch",
      "defineProvider",
      "isAdminPath",
      "maskSecret",
      "mayEndEarly",
      "needsOf",
      "realAmount",
    ],
  },
  { name: "express", exported: ["keyAdmin", "rotatingProxy"] },
  { name: "koa", exported: ["keyAdmin", "rotatingProxy"] },
  { name: "hono", exported: ["keyAdmin", "rotatingProxy"] },
  { name: "redis", exported: ["RedisKeyStore", "RedisStore"] },
  {
    name: "core",
    exported: [
      "AllKeysExhaustedError",
      "ErrorClassifier",
      "ForeignOriginError",
      "InvalidOptionsError",
      "KeyRotator",
      "KeySourceError",
      "Lease",
      "MemoryStore",
      "RotatingFetchError",
      "RotatorClosedError",
      "createRotatingFetch",
      "defineProvider",
    ],
  },
  {
    name: "providers",
    exported: [
      "alphaVantage",
      "anthropic",
      "awsBedrock",
      "azureOpenai",
      "braveSearch",
      "cerebras",
      "cloudflareWorkersAi",
      "cohere",
      "dashscope",
      "deepgram",
      "deepseek",
      "defineProvider",
      "elevenlabs",
      "etherscan",
      "exa",
      "firecrawl",
      "fireworks",
      "gemini",
      "geminiCodeAssist",
      "generic",
      "github",
      "githubModels",
      "groq",
      "huggingface",
      "kimiCoding",
      "lexicon",
      "litellmProxy",
      "minimax",
      "mistral",
      "modelscope",
      "moonshot",
      "newapiRelay",
      "notion",
      "nvidiaNim",
      "openai",
      "openrouter",
      "perplexity",
      "replicate",
      "serper",
      "siliconflow",
      "stripe",
      "tavily",
      "together",
      "vertex",
      "volcengineArk",
      "xai",
      "youtubeData",
      "zhipu",
    ],
  },
  {
    name: "strategies",
    exported: ["fillFirst", "leastBusy", "leastUsed", "lowestLatency", "random", "roundRobin", "weighted"],
  },
  {
    name: "cache",
    exported: ["responseCache"],
  },
  {
    name: "operate",
    exported: ["check", "explain", "forecast", "manageKeys", "snapshot", "watchHealth"],
  },
  {
    name: "node",
    exported: ["FileStore", "KeyFile", "StateFileError", "createNodeAdmin", "createNodeProxy", "nodeHandlerOf"],
  },
  {
    name: "testing",
    exported: [
      "ArrivalJudge",
      "FakeClock",
      "LimitJudge",
      "NastyStore",
      "badRequest",
      "connectionLost",
      "createProviderEmulator",
      "expectNoSecrets",
      "forbidden",
      "insufficientQuota",
      "keyStoreContract",
      "limitedFor",
      "maxInWindow",
      "openaiError",
      "rateLimited",
      "seededRandom",
      "serverError",
      "storeContract",
      "unauthorized",
    ],
  },
];

describe.each(entries)("the entry $name", ({ name, exported }) => {
  it("exports the pinned names to import", async () => {
    const loaded: object = await import(pathToFileURL(join(dist, `${name}.js`)).href);
    expect(Object.keys(loaded).sort()).toEqual(exported);
  });

  it("exports the pinned names to require", () => {
    const loaded: object = require(join(dist, `${name}.cjs`));
    expect(Object.keys(loaded).sort()).toEqual(exported);
  });
});
