import { createRotatingFetch, InvalidOptionsError } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import type { ProviderName } from "../../../src/named/presets.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";

interface Asked {
  readonly method: string;
  readonly url: string;
}

const rigged = (provider: string, baseURL: string | undefined) => {
  const asked: Asked[] = [];
  const fetch = createRotatingFetch({
    provider: provider as ProviderName,
    keys: [newSecret()],
    ...(baseURL === undefined ? undefined : { baseURL }),
    fetch: async (url: string, init: RequestInit = {}) => {
      asked.push({ method: init.method ?? "GET", url });
      return Response.json({ fine: true });
    },
  });
  return { rotator: fetch.rotator, asked };
};

describe("Provider.probe", () => {
  it.each([
    ["deepseek", { is_available: false }, "no_quota"],
    ["deepseek", { is_available: true }, "good"],
    ["moonshot", { data: { available_balance: -0.5 } }, "no_quota"],
    ["moonshot", { data: { available_balance: 0.01 } }, "good"],
    ["moonshot", { data: {} }, "good"],
  ])("of %s that is answered %j finds the key %s", async (provider, answer, verdict) => {
    const keys = [newSecret()];
    const fetch = createRotatingFetch({
      provider: provider as ProviderName,
      keys,
      fetch: async () => Response.json(answer),
    });
    const report = await fetch.rotator.check();
    expect(report.keys.map((key) => key.verdict)).toEqual([verdict]);
  });

  it.each([
    ["openai", undefined, "https://api.openai.com/v1/models"],
    ["azure-openai", "https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1/models"],
    ["anthropic", undefined, "https://api.anthropic.com/v1/models"],
    ["gemini", undefined, "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1"],
    ["openrouter", undefined, "https://openrouter.ai/api/v1/key"],
    ["modelscope", undefined, "https://modelscope.cn/openapi/v1/magicubes/balance"],
    ["dashscope", undefined, "https://dashscope.aliyuncs.com/compatible-mode/v1/models"],
    ["deepseek", undefined, "https://api.deepseek.com/user/balance"],
    ["deepseek", "https://api.deepseek.com/v1", "https://api.deepseek.com/user/balance"],
    ["groq", undefined, "https://api.groq.com/openai/v1/models"],
    ["mistral", undefined, "https://api.mistral.ai/v1/models"],
    ["together", undefined, "https://api.together.ai/v1/models"],
    ["fireworks", undefined, "https://api.fireworks.ai/inference/v1/models"],
    ["xai", undefined, "https://api.x.ai/v1/api-key"],
    ["cerebras", undefined, "https://api.cerebras.ai/v1/models"],
    ["siliconflow", undefined, "https://api.siliconflow.cn/v1/user/info"],
    ["moonshot", undefined, "https://api.moonshot.ai/v1/users/me/balance"],
    ["moonshot", "https://api.moonshot.cn/v1", "https://api.moonshot.cn/v1/users/me/balance"],
    ["kimi-coding", undefined, "https://api.kimi.com/coding/v1/models"],
    ["kimi-coding", "https://api.kimi.ai/coding/v1", "https://api.kimi.ai/coding/v1/models"],
    ["zhipu", undefined, "https://open.bigmodel.cn/api/paas/v4/models"],
    ["minimax", undefined, "https://api.minimaxi.com/v1/models"],
    ["huggingface", undefined, "https://huggingface.co/api/whoami-v2"],
    ["huggingface", "https://router.huggingface.co/v1", "https://huggingface.co/api/whoami-v2"],
    ["github", undefined, "https://api.github.com/rate_limit"],
    [
      "cloudflare-workers-ai",
      "https://api.cloudflare.com/client/v4/accounts/some-account/ai/v1",
      "https://api.cloudflare.com/client/v4/accounts/some-account/ai/models/search?per_page=1",
    ],
    ["newapi-relay", "https://relay.example.test/v1", "https://relay.example.test/v1/models"],
    ["litellm-proxy", "https://proxy.example.test", "https://proxy.example.test/models"],
  ])("of %s below %s asks for %s, which nothing but a good key gets", async (provider, baseURL, url) => {
    const { rotator, asked } = rigged(provider, baseURL);
    const { good } = await rotator.check();
    expect([good, asked]).toEqual([1, [{ method: "GET", url }]]);
  });

  it("of another origin is not sent where a gateway stands before the provider", async () => {
    const { rotator, asked } = rigged("huggingface", "https://gateway.example.test/v1");
    await expect(rotator.check()).rejects.toThrow(InvalidOptionsError);
    expect(asked).toEqual([]);
  });

  it("of cohere asks for a check of the key", async () => {
    const { rotator, asked } = rigged("cohere", undefined);
    await rotator.check();
    expect(asked).toEqual([{ method: "POST", url: "https://api.cohere.com/v1/check-api-key" }]);
  });

  it.each([
    ["nvidia-nim", undefined],
    ["perplexity", undefined],
    ["github-models", undefined],
    ["volcengine-ark", undefined],
    ["gemini-code-assist", undefined],
    ["vertex", "https://us-central1-aiplatform.googleapis.com/v1"],
  ])("of %s is never sent, because nothing free is known that proves a key", async (provider, baseURL) => {
    const { rotator, asked } = rigged(provider, baseURL);
    await expect(rotator.check()).rejects.toThrow(InvalidOptionsError);
    expect(asked).toEqual([]);
  });
});
