import { describe, expect, it } from "vitest";
import type { Provider } from "../../src/judgement/provider.ts";
import { detectProvider } from "../../src/judgement/provider-detection.ts";
import { providers } from "../../src/named/presets.ts";

const found = (baseURL: string, among: readonly Provider[] = providers) =>
  detectProvider(new URL(baseURL), among)?.name;

const provider = (name: string, fields: Partial<Provider>): Provider => ({
  name,
  origins: [],
  credential: { header: "authorization" },
  ...fields,
});

const documented = providers.filter(({ baseURL }) => baseURL !== undefined);

describe("detectProvider", () => {
  it.each(documented.map(({ name, baseURL }) => [name, baseURL as string]))(
    "finds %s at its own %s",
    (name, baseURL) => {
      expect(found(baseURL)).toBe(name);
    },
  );

  it.each([
    ["https://API.OpenAI.com", "openai"],
    ["https://api.openai.com:443/v1/", "openai"],
    ["https://api.cohere.ai/v2", "cohere"],
    ["https://my-resource.openai.azure.com/openai/v1", "azure-openai"],
    ["https://workspace.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", "dashscope"],
    ["https://aiplatform.googleapis.com/v1", "vertex"],
    ["https://us-central1-aiplatform.googleapis.com/v1", "vertex"],
    ["https://api.cloudflare.com/client/v4/accounts/some-account/ai/v1", "cloudflare-workers-ai"],
    ["https://api.kimi.com/coding", "kimi-coding"],
  ])("knows %s: %s", (baseURL, name) => {
    expect(found(baseURL)).toBe(name);
  });

  it.each([
    "https://api.openai.com.example.test/v1",
    "https://evilopenai.azure.com",
    "https://openai.azure.com",
    "https://-aiplatform.googleapis.com",
    "https://xaiplatform.googleapis.com",
    "https://api.openai.com:8443/v1",
    "https://api.kimi.com/codings/v1",
    "https://api.kimi.com/v1/coding",
    "https://api.cloudflare.com/client/v4/zones",
    "https://gateway.example.test/api.openai.com",
    "http://127.0.0.1:4000",
  ])("does not take %s for anybody's", (baseURL) => {
    expect(found(baseURL)).toBeUndefined();
  });

  it("takes a whole host before an ending, a longer ending before a shorter, and then a longer path", () => {
    const among = [
      provider("ending", { hosts: [".example.test"], paths: ["/v1/long/path"] }),
      provider("longer ending", { hosts: [".api.example.test"] }),
      provider("host", { hosts: ["eu.api.example.test"] }),
      provider("host and path", { hosts: ["eu.api.example.test"], paths: ["/v1", "/other"] }),
      provider("host and longer path", { hosts: ["eu.api.example.test"], paths: ["/v1/chat/"] }),
    ];
    expect(found("https://x.example.test/v1/long/path", among)).toBe("ending");
    expect(found("https://us.api.example.test/v1/long/path", among)).toBe("longer ending");
    expect(found("https://eu.api.example.test/v2", among)).toBe("host");
    expect(found("https://eu.api.example.test/v1", among)).toBe("host and path");
    expect(found("https://eu.api.example.test/v1/chat/completions", among)).toBe("host and longer path");
  });

  it("goes by the origins, ports included, where no hosts are given", () => {
    const among = [provider("local", { origins: ["http://127.0.0.1:4000"] })];
    expect(found("http://127.0.0.1:4000/v1", among)).toBe("local");
    expect(found("http://127.0.0.1:4001/v1", among)).toBeUndefined();
  });
});
