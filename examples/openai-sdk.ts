/** The official OpenAI client over several keys: only its `fetch` changes. */
import OpenAI from "openai";
import { createRotatingFetch } from "rotating-fetch";
import { openTarget } from "./support/target.ts";

await using target = await openTarget();
const { provider, keys, baseURL, model } = target;

const fetch = createRotatingFetch({ provider, keys, baseURL });
// The client wants a key of its own, which never leaves this process. Repeating is the rotating fetch's work.
const openai = new OpenAI({ apiKey: "rotating", baseURL, maxRetries: 0, fetch });
const messages = [{ role: "user" as const, content: "Say hello." }];

const completion = await openai.chat.completions.create({ model, messages });
console.log(`answer: ${completion.choices[0]?.message.content}`);

let streamed = "";
for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
  streamed += chunk.choices[0]?.delta.content ?? "";
}
console.log(`streamed: ${streamed}`);
