/** One client, three providers: the first is at its limit, the second cannot be reached, the third answers. */
import { createRotatingFetch } from "rotating-fetch";
import { threeProviders } from "./support/three-providers.ts";

const { secrets, fetch: network } = threeProviders(process.env);

const fetch = createRotatingFetch({
  // What clients are given; nothing is ever sent there.
  baseURL: "https://llm.internal/v1",
  keys: [
    { secret: secrets.groq, provider: "groq", models: { smart: "llama-3.3-70b-versatile" } },
    {
      secret: secrets.openrouter,
      provider: "openrouter",
      models: { smart: "meta-llama/llama-3.3-70b-instruct" },
      priority: 1,
    },
    { secret: secrets.mistral, provider: "mistral", models: { smart: "mistral-large-latest" }, priority: 2 },
  ],
  fetch: network,
  trace: true,
});

for (let call = 1; call <= 2; call++) {
  const response = await fetch("https://llm.internal/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "smart", messages: [{ role: "user", content: "Say hello." }] }),
  });
  const { model } = (await response.json()) as { model?: string };
  console.log(`call ${call}: ${response.status} from ${model}`);
  console.log(`  ${response.headers.get("x-rotating-fetch-trace")}`);
  if (!response.ok) process.exitCode = 1;
}

for (const { provider, state, used } of (await fetch.rotator.snapshot()).keys) {
  console.log(`${provider}: tried ${used} times, ${state}`);
}
