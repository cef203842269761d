import { expectOneOf } from "../checks.ts";
import type { Provider } from "../judgement/provider.ts";
import { detectProvider } from "../judgement/provider-detection.ts";
import { anthropic } from "../judgement/providers/anthropic.ts";
import { azureOpenai } from "../judgement/providers/azure-openai.ts";
import { cerebras } from "../judgement/providers/cerebras.ts";
import { cloudflareWorkersAi } from "../judgement/providers/cloudflare-workers-ai.ts";
import { cohere } from "../judgement/providers/cohere.ts";
import { dashscope } from "../judgement/providers/dashscope.ts";
import { deepseek } from "../judgement/providers/deepseek.ts";
import { fireworks } from "../judgement/providers/fireworks.ts";
import { gemini } from "../judgement/providers/gemini.ts";
import { geminiCodeAssist } from "../judgement/providers/gemini-code-assist.ts";
import { generic } from "../judgement/providers/generic.ts";
import { github } from "../judgement/providers/github.ts";
import { githubModels } from "../judgement/providers/github-models.ts";
import { groq } from "../judgement/providers/groq.ts";
import { huggingface } from "../judgement/providers/huggingface.ts";
import { kimiCoding } from "../judgement/providers/kimi-coding.ts";
import { litellmProxy } from "../judgement/providers/litellm-proxy.ts";
import { minimax } from "../judgement/providers/minimax.ts";
import { mistral } from "../judgement/providers/mistral.ts";
import { modelscope } from "../judgement/providers/modelscope.ts";
import { moonshot } from "../judgement/providers/moonshot.ts";
import { newapiRelay } from "../judgement/providers/newapi-relay.ts";
import { nvidiaNim } from "../judgement/providers/nvidia-nim.ts";
import { openai } from "../judgement/providers/openai.ts";
import { openrouter } from "../judgement/providers/openrouter.ts";
import { perplexity } from "../judgement/providers/perplexity.ts";
import { siliconflow } from "../judgement/providers/siliconflow.ts";
import { together } from "../judgement/providers/together.ts";
import { vertex } from "../judgement/providers/vertex.ts";
import { volcengineArk } from "../judgement/providers/volcengine-ark.ts";
import { xai } from "../judgement/providers/xai.ts";
import { zhipu } from "../judgement/providers/zhipu.ts";

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

export const providers: readonly Provider[] = Object.values(presets);

/** @throws InvalidOptionsError with the list of known names. */
export function providerNamed(value: unknown, field = "provider"): Provider {
  return presets[expectOneOf(field, value, Object.keys(presets)) as ProviderName];
}

/** What is known of the API at a base URL. */
export function providerAt(baseURL: URL): Provider | undefined {
  return detectProvider(baseURL, providers);
}

/** The origins that a preset's keys are for; none for a name of somebody's own. */
export function homeOf(name: string): readonly string[] {
  return Object.hasOwn(presets, name) ? presets[name as ProviderName].origins : [];
}
