import { randomBytes } from "node:crypto";
import type { FetchFunction } from "rotating-fetch";

type Name = "groq" | "openrouter" | "mistral";

export interface ThreeProviders {
  readonly secrets: Readonly<Record<Name, string>>;
  /** `undefined`: the platform's, which asks the real ones. */
  readonly fetch: FetchFunction | undefined;
}

/** The providers whose keys the environment has, or emulated ones: the first at its limit, the second down, the third well. */
export function threeProviders(environment: Readonly<Record<string, string | undefined>>): ThreeProviders {
  const { GROQ_API_KEY: groq, OPENROUTER_API_KEY: openrouter, MISTRAL_API_KEY: mistral } = environment;
  if (groq && openrouter && mistral) return { secrets: { groq, openrouter, mistral }, fetch: undefined };
  const secret = (): string => `demo-${randomBytes(16).toString("hex")}`;
  return { secrets: { groq: secret(), openrouter: secret(), mistral: secret() }, fetch: emulated };
}

const limited = {
  error: { message: "Rate limit reached. Please try again in 30s.", type: "tokens", code: "rate_limit_exceeded" },
};

async function emulated(url: string, init?: RequestInit): Promise<Response> {
  const { host } = new URL(url);
  if (host === "api.groq.com") return Response.json(limited, { status: 429, headers: { "retry-after": "30" } });
  if (host === "openrouter.ai") {
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    throw new TypeError("fetch failed", { cause });
  }
  const { model } = JSON.parse(String(init?.body)) as { model: string };
  const message = { role: "assistant", content: "Hello." };
  return Response.json({ model, choices: [{ index: 0, message, finish_reason: "stop" }] });
}
