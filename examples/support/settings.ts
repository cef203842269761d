/** Where an example's requests go. */
export interface ProviderSettings {
  /** Preset of the library. */
  readonly provider: "openrouter" | "generic";
  readonly keys: readonly string[];
  readonly baseURL: string;
  readonly model: string;
}

/** The environment asks for something that cannot be done. The message says which variable to change. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

type Environment = Readonly<Record<string, string | undefined>>;

const openRouterURL = "https://openrouter.ai/api/v1";
const openRouterModel = "meta-llama/llama-3.3-70b-instruct:free";

/**
 * Reads which provider the environment names; `undefined` when it names none.
 *
 * Either `OPENROUTER_API_KEYS` (and `MODEL`, if another than a free one is wanted), or `API_KEYS`, `BASE_URL` and
 * `MODEL` together. Keys are separated by commas.
 * @throws SettingsError when only some of them are set, or one makes no sense.
 */
export function readSettings(environment: Environment): ProviderSettings | undefined {
  const openRouterKeys = readValue(environment, "OPENROUTER_API_KEYS");
  if (openRouterKeys !== undefined) return openRouter(openRouterKeys, environment);
  const names = ["API_KEYS", "BASE_URL", "MODEL"] as const;
  const [keys, baseURL, model] = names.map((name) => readValue(environment, name));
  if (keys !== undefined && baseURL !== undefined && model !== undefined) {
    return { provider: "generic", keys: keysOf("API_KEYS", keys), baseURL: checkedURL(baseURL), model };
  }
  const missing = names.filter((name) => readValue(environment, name) === undefined);
  if (missing.length === names.length) return undefined;
  const set = names.filter((name) => !missing.includes(name));
  throw new SettingsError(
    `${listOf(set)} ${set.length === 1 ? "is" : "are"} set, but ${listOf(missing)} ${missing.length === 1 ? "is" : "are"} not. ` +
      "Set API_KEYS, BASE_URL and MODEL together, or OPENROUTER_API_KEYS, or none of them to use the built-in emulator.",
  );
}

function openRouter(keys: string, environment: Environment): ProviderSettings {
  const others = ["API_KEYS", "BASE_URL"].filter((name) => readValue(environment, name) !== undefined);
  if (others.length > 0) {
    throw new SettingsError(
      `OPENROUTER_API_KEYS is set together with ${listOf(others)}. ` +
        "Use OPENROUTER_API_KEYS for OpenRouter, or API_KEYS, BASE_URL and MODEL for any other provider.",
    );
  }
  return {
    provider: "openrouter",
    keys: keysOf("OPENROUTER_API_KEYS", keys),
    baseURL: openRouterURL,
    model: readValue(environment, "MODEL") ?? openRouterModel,
  };
}

/** A variable that is set to nothing counts as not set. */
function readValue(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === "" ? undefined : value;
}

function keysOf(name: string, value: string): readonly string[] {
  const keys = value
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
  if (keys.length > 0) return keys;
  throw new SettingsError(`${name} holds no key. Separate several with commas.`);
}

function checkedURL(value: string): string {
  if (URL.canParse(value) && /^https?:/i.test(value)) return value.replace(/\/+$/, "");
  throw new SettingsError(
    `BASE_URL is not an http(s) address: ${JSON.stringify(value)}. It looks like https://api.example.com/v1.`,
  );
}

function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
