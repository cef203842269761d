import { describe, expect, it } from "vitest";
import { readSettings, SettingsError } from "../../examples/support/settings.ts";

const baseURL = "https://api.example.test/v1";

describe("readSettings", () => {
  it("names no provider when nothing is set, or nothing but blanks", () => {
    expect(readSettings({})).toBeUndefined();
    expect(readSettings({ API_KEYS: "", BASE_URL: " ", OPENROUTER_API_KEYS: "" })).toBeUndefined();
  });

  it("takes any provider with its three variables", () => {
    const settings = readSettings({ API_KEYS: "a, b,", BASE_URL: `${baseURL}/`, MODEL: "m" });
    expect(settings).toEqual({ provider: "generic", keys: ["a", "b"], baseURL, model: "m" });
  });

  it("takes OpenRouter with its keys alone, and another model where one is named", () => {
    const settings = readSettings({ OPENROUTER_API_KEYS: "a,b" });
    expect(settings).toMatchObject({ provider: "openrouter", keys: ["a", "b"] });
    expect(settings?.model).toMatch(/:free$/);
    expect(readSettings({ OPENROUTER_API_KEYS: "a", MODEL: "m" })?.model).toBe("m");
  });

  it.each([
    [{ API_KEYS: "a,b" }, "API_KEYS is set, but BASE_URL and MODEL are not."],
    [{ MODEL: "m" }, "MODEL is set, but API_KEYS and BASE_URL are not."],
    [{ BASE_URL: baseURL, MODEL: "m" }, "BASE_URL and MODEL are set, but API_KEYS is not."],
    [{ API_KEYS: "a", BASE_URL: "example", MODEL: "m" }, 'BASE_URL is not an http(s) address: "example".'],
    [{ API_KEYS: " , ", BASE_URL: baseURL, MODEL: "m" }, "API_KEYS holds no key."],
    [{ OPENROUTER_API_KEYS: ",", MODEL: "m" }, "OPENROUTER_API_KEYS holds no key."],
    [{ OPENROUTER_API_KEYS: "a", API_KEYS: "b" }, "OPENROUTER_API_KEYS is set together with API_KEYS."],
  ])("says what is wrong with %o", (environment, message) => {
    expect(() => readSettings(environment)).toThrow(SettingsError);
    expect(() => readSettings(environment)).toThrow(message);
  });
});
