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
