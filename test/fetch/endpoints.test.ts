import { describe, expect, it } from "vitest";
import { AllowedOrigins } from "../../src/fetch/endpoints.ts";
import type { KeyConfig } from "../../src/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { ok, rig } from "./fixture.ts";

/** Where a call goes with a key that has an endpoint of its own. */
async function target(url: string, key: Partial<KeyConfig>, baseURL = "https://api.example.test/v1"): Promise<string> {
  const { fetch, sent } = rig(ok, { keys: [{ secret: newSecret(), ...key }], baseURL });
  await fetch(url);
  return sent[0]?.url as string;
}

const call = "https://api.example.test/v1/chat/completions?stream=1";

describe("urlFor", () => {
  it("leaves the URL of a key without an endpoint as it is, to the letter", async () => {
    expect(await target("https://api.example.test/v1/a b?q=%7e", {})).toBe("https://api.example.test/v1/a b?q=%7e");
  });

  it.each([
    [
      "another host with the same base path",
      "https://eu.example.test/v1",
      "https://eu.example.test/v1/chat/completions?stream=1",
    ],
    [
      "a deeper path",
      "https://eu.example.test/openai/v1/",
      "https://eu.example.test/openai/v1/chat/completions?stream=1",
    ],
    ["no path", "https://eu.example.test", "https://eu.example.test/chat/completions?stream=1"],
    [
      "query parameters",
      "https://eu.example.test/v1?api-version=7",
      "https://eu.example.test/v1/chat/completions?stream=1&api-version=7",
    ],
    ["a port", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/chat/completions?stream=1"],
  ])("moves the path below the pool's base to a key's base with %s", async (_what, baseURL, expected) => {
    expect(await target(call, { baseURL })).toBe(expected);
  });

  it("does not take a longer name for the base", async () => {
    expect(await target("https://api.example.test/v1beta/x", { baseURL: "https://eu.example.test/own" })).toBe(
      "https://eu.example.test/own/v1beta/x",
    );
  });

  it("moves what a client asks of one key's base below the base of the key it is sent with", async () => {
    const keys = [
      { id: "one", secret: newSecret(), baseURL: "https://one.example.test/v1" },
      { id: "two", secret: newSecret(), baseURL: "https://two.example.test/api/v1" },
    ];
    for (const [asked, path] of [
      ["https://two.example.test/api/v1/models", "/models"],
      ["https://one.example.test/v1/chat/completions?n=1", "/chat/completions?n=1"],
    ]) {
      const { fetch, sent } = rig(ok, { keys, baseURL: "https://llm.internal/v1" });
      const answers = [await fetch(asked as string), await fetch(asked as string)];
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(sent.map(({ url }) => url)).toEqual([
        `https://one.example.test/v1${path}`,
        `https://two.example.test/api/v1${path}`,
      ]);
    }
  });

  it("takes the longest base that a URL is below, whichever key it is of", async () => {
    const keys = [
      { secret: newSecret(), baseURL: "https://gateway.test/a" },
      { secret: newSecret(), baseURL: "https://gateway.test/a/b" },
    ];
    const { fetch, sent } = rig(ok, { keys, baseURL: "https://llm.internal/v1" });
    for (let call = 0; call < 2; call++) await fetch("https://gateway.test/a/b/models");
    expect(sent.map(({ url }) => url)).toEqual(["https://gateway.test/a/models", "https://gateway.test/a/b/models"]);
  });

  it("never sends a key without an endpoint to another key's", async () => {
    const [own, other] = [newSecret(), newSecret()];
    const { fetch, sent } = rig(ok, {
      keys: [own, { secret: other, baseURL: "https://other.example.test/v2" }],
      baseURL: "https://api.example.test/v1",
    });
    for (let call = 0; call < 4; call++)
      await fetch("https://other.example.test/v2/models", { headers: { authorization: "Bearer mine" } });
    expect(sent.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
      ["https://api.example.test/v1/models", `Bearer ${own}`],
      ["https://other.example.test/v2/models", `Bearer ${other}`],
      ["https://api.example.test/v1/models", `Bearer ${own}`],
      ["https://other.example.test/v2/models", `Bearer ${other}`],
    ]);
  });

  it("adds a key's query parameters in place of the call's", async () => {
    const query = { "api-version": "2", region: "eu & us" };
    expect(await target(`${call}&api-version=1`, { query })).toBe(
      "https://api.example.test/v1/chat/completions?stream=1&api-version=2&region=eu+%26+us",
    );
  });
});

describe("AllowedOrigins", () => {
  const origins = new AllowedOrigins(["https://api.example.com", "http://127.0.0.1:8080"]);

  it.each([
    "https://api.example.com/v1",
    "https://api.example.com",
    "https://api.example.com?x",
    "https://api.example.com#x",
    "HTTPS://API.EXAMPLE.COM/v1",
    "https://api.example.com:443/v1",
    "  https://api.example.com/v1",
    "https:\\\\api.example.com\\v1",
    "https://api.example.com\\@evil.test/",
    "https://api.example.com/@evil.test",
    "https://api.example.com//evil.test/",
    "https://api.example.com/%2e%2e/",
  ])("knows %s as its own", (url) => {
    expect(origins.of(url)).toBe("https://api.example.com");
    expect(new URL(url).host).toBe("api.example.com");
  });

  it.each([
    "https://api.example.com.evil.test/",
    "https://api.example.com@evil.test/",
    "https://api.example.com:443@evil.test/",
    "https://api.example.com%2f@evil.test/",
    "https://api.example.com%00.evil.test/",
    "https://api.example.com\t.evil.test/",
    "https://api.example.com:8443/",
    "https://api.example.com./",
    "http://api.example.com/",
    "https://example.com/https://api.example.com/",
    "https://xn--api-example.com/",
    "http://127.0.0.1:80801/",
    "http://127.0.0.1:8081/",
    "http://127.0.0.1/",
    "//api.example.com/",
    "/v1/models",
    "blob:https://api.example.com/0b5d",
    "data:,x",
    "file://api.example.com/x",
    "ftp://api.example.com/x",
    "javascript:https://api.example.com/",
  ])("does not take %s for an origin of its own", (url) => {
    let found: string | undefined;
    try {
      found = origins.of(url);
    } catch {
      found = undefined;
    }
    expect(found).toBeUndefined();
  });
});
