import { expectFunction, expectMethods, expectOneOf, unexpected } from "../checks.ts";
import { MemoryStore, type MemoryStoreOptions } from "../limits/memory/memory.ts";
import { isShared, type Store } from "../limits/store.ts";
import { fromChoice } from "../pool/strategies/choosing.ts";
import { fillFirst } from "../pool/strategies/fill-first.ts";
import { leastBusy } from "../pool/strategies/least-busy.ts";
import { leastUsed } from "../pool/strategies/least-used.ts";
import { lowestLatency } from "../pool/strategies/lowest-latency.ts";
import { random } from "../pool/strategies/random.ts";
import { roundRobin } from "../pool/strategies/round-robin.ts";
import type { ChoosingStrategy, OrderingStrategy } from "../pool/strategies/strategy.ts";
import { weighted } from "../pool/strategies/weighted.ts";
import type { Provider } from "./provider.ts";
import { detectProvider } from "./provider-detection.ts";
import { expectProvider } from "./provider-options.ts";
import { anthropic } from "./providers/anthropic.ts";
import { azureOpenai } from "./providers/azure-openai.ts";
import { cerebras } from "./providers/cerebras.ts";
import { cloudflareWorkersAi } from "./providers/cloudflare-workers-ai.ts";
import { cohere } from "./providers/cohere.ts";
import { dashscope } from "./providers/dashscope.ts";
import { deepseek } from "./providers/deepseek.ts";
import { fireworks } from "./providers/fireworks.ts";
import { gemini } from "./providers/gemini.ts";
import { geminiCodeAssist } from "./providers/gemini-code-assist.ts";
import { generic } from "./providers/generic.ts";
import { github } from "./providers/github.ts";
import { githubModels } from "./providers/github-models.ts";
import { groq } from "./providers/groq.ts";
import { huggingface } from "./providers/huggingface.ts";
import { kimiCoding } from "./providers/kimi-coding.ts";
import { litellmProxy } from "./providers/litellm-proxy.ts";
import { minimax } from "./providers/minimax.ts";
import { mistral } from "./providers/mistral.ts";
import { modelscope } from "./providers/modelscope.ts";
import { moonshot } from "./providers/moonshot.ts";
import { newapiRelay } from "./providers/newapi-relay.ts";
import { nvidiaNim } from "./providers/nvidia-nim.ts";
import { openai } from "./providers/openai.ts";
import { openrouter } from "./providers/openrouter.ts";
import { perplexity } from "./providers/perplexity.ts";
import { siliconflow } from "./providers/siliconflow.ts";
import { together } from "./providers/together.ts";
import { vertex } from "./providers/vertex.ts";
import { volcengineArk } from "./providers/volcengine-ark.ts";
import { xai } from "./providers/xai.ts";
import { zhipu } from "./providers/zhipu.ts";

/** The one place where names become objects. */
const strategies: readonly OrderingStrategy[] = [
  roundRobin,
  random,
  weighted,
  leastUsed,
  fillFirst,
  leastBusy,
  lowestLatency,
];

/** Every preset by its name. */
const presets = {
  openai,
  "azure-openai": azureOpenai,
  anthropic,
  gemini,
  vertex,
  "gemini-code-assist": geminiCodeAssist,
  openrouter,
  modelscope,
  dashscope,
  deepseek,
  groq,
  mistral,
  cohere,
  together,
  fireworks,
  xai,
  cerebras,
  perplexity,
  "nvidia-nim": nvidiaNim,
  siliconflow,
  moonshot,
  "kimi-coding": kimiCoding,
  zhipu,
  "volcengine-ark": volcengineArk,
  minimax,
  huggingface,
  github,
  "github-models": githubModels,
  "cloudflare-workers-ai": cloudflareWorkersAi,
  "newapi-relay": newapiRelay,
  "litellm-proxy": litellmProxy,
  generic,
} as const satisfies Readonly<Record<string, Provider>>;

/** The name of a preset. */
export type ProviderName = keyof typeof presets;

/** Any other string: lets editors offer the known ones. */
export type OtherName = string & Record<never, never>;

export const providers: readonly Provider[] = Object.values(presets);

export function resolveStrategy(value: unknown, onFailure: (error: unknown) => void): OrderingStrategy {
  if (value === undefined) return roundRobin;
  if (typeof value === "object" && value !== null) {
    if ("createOrder" in value && typeof value.createOrder === "function") return value as OrderingStrategy;
    if ("choose" in value && typeof value.choose === "function")
      return fromChoice(value as ChoosingStrategy, onFailure);
    throw unexpected("strategy", "a name, or an object with a `choose` function", value);
  }
  const name = expectOneOf(
    "strategy",
    value,
    strategies.map((strategy) => strategy.name),
  );
  return strategies.find((strategy) => strategy.name === name) as OrderingStrategy;
}

export function resolveProvider(value: unknown): Provider {
  if (value === undefined) return generic;
  if (typeof value === "object" && value !== null) return expectProvider("provider", value);
  return providerNamed(value);
}

/** What is known of the API at a base URL; `generic` where no preset is known to live there. */
export function providerAt(baseURL: URL): Provider {
  return detectProvider(baseURL, providers) ?? generic;
}

/** @throws InvalidOptionsError with the list of known names. */
export function providerNamed(value: unknown, field = "provider"): Provider {
  const name = expectOneOf(
    field,
    value,
    providers.map((provider) => provider.name),
  );
  return providers.find((provider) => provider.name === name) as Provider;
}

export function resolveStore(value: unknown, options: MemoryStoreOptions): Store {
  if (value === undefined) return new MemoryStore(options);
  const store = expectMethods<Store>("store", ["reserve", "settle", "cooldown", "read"], value);
  // What any handle of several has, all of them need.
  if (isShared(store)) expectMethods("store", ["renew", "watch", "sharing", "onSharing"], store);
  for (const name of ["watch", "dump", "load", "close"] as const) {
    if (store[name] !== undefined) expectFunction(`store.${name}`, store[name]);
  }
  return store;
}
