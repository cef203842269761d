import { describe, expect, expectTypeOf, it } from "vitest";
import type { ProviderName, ResetPlace, RotatingFetchOptions, RotatorEventName } from "../../src/index.ts";
import { providerNamed, providers } from "../../src/named/presets.ts";

describe("providers", () => {
  it.each(providers.map((provider) => [provider.name, provider] as const))("finds %s by its name", (name, provider) => {
    expect(providerNamed(name)).toBe(provider);
  });

  it("has each name once", () => {
    expect(new Set(providers.map(({ name }) => name)).size).toBe(providers.length);
  });
});

describe("names in types", () => {
  it("are those of the presets, each under its own", () => {
    const named = {
      openai: true,
      "azure-openai": true,
      anthropic: true,
      gemini: true,
      vertex: true,
      "gemini-code-assist": true,
      openrouter: true,
      modelscope: true,
      dashscope: true,
      deepseek: true,
      groq: true,
      mistral: true,
      cohere: true,
      together: true,
      fireworks: true,
      xai: true,
      cerebras: true,
      perplexity: true,
      "nvidia-nim": true,
      siliconflow: true,
      moonshot: true,
      "kimi-coding": true,
      zhipu: true,
      "volcengine-ark": true,
      minimax: true,
      huggingface: true,
      github: true,
      "github-models": true,
      "cloudflare-workers-ai": true,
      "newapi-relay": true,
      "litellm-proxy": true,
      generic: true,
    } satisfies Record<ProviderName, true>;
    expect(Object.keys(named)).toEqual(providers.map(({ name }) => name));
  });

  it("are the only names there are", () => {
    expectTypeOf<string>().not.toExtend<RotatingFetchOptions["provider"]>();
    expectTypeOf<"opneai">().not.toExtend<RotatingFetchOptions["provider"]>();
    expectTypeOf<"openai">().toExtend<ProviderName>();
    expectTypeOf<"opanai">().not.toExtend<ProviderName>();
    expectTypeOf<"key-cooled">().toExtend<RotatorEventName>();
    expectTypeOf<"key-frozen">().not.toExtend<RotatorEventName>();
    expectTypeOf<{ header: string; unit: "seconds" }>().toExtend<ResetPlace>();
  });
});
