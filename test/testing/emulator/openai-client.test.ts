import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { insufficientQuota } from "../../../src/testing/index.ts";
import { newSecret, startEmulator } from "./fixture.ts";

const messages = [{ role: "user" as const, content: "Hi" }];

async function setUp(behaviour = {}) {
  const apiKey = newSecret();
  const emulator = await startEmulator({ keys: { [apiKey]: behaviour }, reply: "Hello out there", models: ["m1"] });
  return { emulator, client: new OpenAI({ apiKey, baseURL: emulator.baseURL, maxRetries: 0 }) };
}

describe("createProviderEmulator under the openai package", () => {
  it("completes as JSON and lists models", async () => {
    const { client } = await setUp();
    const completion = await client.chat.completions.create({ model: "m1", messages });
    expect(completion.choices[0]?.message.content).toBe("Hello out there");
    expect(completion.usage?.completion_tokens).toBe(3);
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(["m1"]);
  });

  it("completes as a stream", async () => {
    const { client } = await setUp();
    const stream_options = { include_usage: true };
    const stream = await client.chat.completions.create({ model: "m1", messages, stream: true, stream_options });
    let text = "";
    let totalTokens = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      totalTokens += chunk.usage?.total_tokens ?? 0;
    }
    expect(text).toBe("Hello out there");
    expect(totalTokens).toBeGreaterThan(3);
  });

  it("makes the client raise its own errors, for a status and for an error event", async () => {
    const { client } = await setUp({ script: [insufficientQuota(), { streamError: { afterChunks: 1 } }] });
    const refused = client.chat.completions.create({ model: "m1", messages });
    await expect(refused).rejects.toMatchObject({ status: 429, code: "insufficient_quota" });
    const stream = await client.chat.completions.create({ model: "m1", messages, stream: true });
    const read = async () => {
      for await (const chunk of stream) expect(chunk.object).toBe("chat.completion.chunk");
    };
    await expect(read()).rejects.toThrow(OpenAI.APIError);
  });
});
