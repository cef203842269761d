import { randomBytes } from "node:crypto";

/** Where the clients look for a key nobody gave them. */
const variables = [
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "GOOGLE_API_KEY",
  "MISTRAL_API_KEY",
  "CO_API_KEY",
  "COHERE_API_KEY",
  "GROQ_API_KEY",
  "OPENROUTER_API_KEY",
  "GITHUB_TOKEN",
];

/** What the value of each of them begins with: none may arrive anywhere. */
export const strayMark = `stray-${randomBytes(8).toString("hex")}`;

for (const name of variables) process.env[name] = `${strayMark}-${randomBytes(8).toString("hex")}`;
