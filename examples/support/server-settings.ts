import { randomBytes } from "node:crypto";
import type { AllKeysExhaustedError, Limit, Logger, ProxyingOptions, RotatingFetchOptions } from "rotating-fetch";
import { KeyFile } from "rotating-fetch/node";
import { readConfig } from "./config-file.ts";
import { startEmulatedProvider } from "./emulated-provider.ts";
import { consoleLogger } from "./log.ts";
import { SettingsError } from "./settings.ts";

type PoolOptions = Pick<
  RotatingFetchOptions,
  | "keys"
  | "provider"
  | "strategy"
  | "limits"
  | "healthCheck"
  | "maxWaitMs"
  | "policy"
  | "onExhausted"
  | "keyStore"
  | "logger"
>;

interface Pool {
  readonly proxy: PoolOptions & Pick<ProxyingOptions, "headers" | "allowedPaths"> & { readonly target: string };
  readonly port: number;
  /** Do its clients come without a token? */
  readonly isOpen: boolean;
  stop?(): Promise<void>;
}

/** What a server of the examples is told. */
export interface ServerSettings extends Pool {
  readonly host: string;
  readonly logger: Logger;
  readonly adminToken: string;
  readonly clientToken: string;
  /** Whoever reaches the server, where its clients never had a token and none is set, else whoever has it. */
  readonly authorize: "public" | readonly string[];
  /** Tokens that nobody gave, made up for this run. */
  readonly made: readonly { readonly name: string; readonly value: string }[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings of a balancing proxy's `config.json`, where one is named, else of a free-pool proxy's environment
 * (`OPENROUTER_API_KEYS`), else the keys (`API_KEYS`) of a `TARGET_URL`; else starts an emulated provider.
 * Beside all of them go `HOST`, `ADMIN_TOKEN`, `CLIENT_TOKEN`, `LOG_LEVEL` and `KEY_FILE`, which keeps what operators change.
 * @throws SettingsError saying what to change.
 */
export async function serverSettings(file: string | undefined): Promise<ServerSettings> {
  const environment: Environment = process.env;
  const { HOST: host = "127.0.0.1", KEY_FILE: keyFile } = environment;
  const pool = file === undefined ? await fromEnvironment(environment) : fromConfig(file, environment);
  const [adminToken, clientToken] = [token("ADMIN_TOKEN", environment), token("CLIENT_TOKEN", environment)] as const;
  const isPublic = pool.isOpen && clientToken.isMade;
  const logger = consoleLogger();
  const keyStore = keyFile ? KeyFile.open({ path: keyFile, storeSecrets: true }) : undefined;
  return {
    ...pool,
    proxy: { onExhausted: limitedOrDown, ...pool.proxy, keyStore, logger },
    host,
    logger,
    adminToken: adminToken.value,
    clientToken: clientToken.value,
    authorize: isPublic ? "public" : [clientToken.value],
    made: [adminToken, clientToken].filter(({ isMade }) => isMade),
  };
}

/** `{ api_keys, server_port, target_url, health_check, health_path }` */
function fromConfig(file: string, { HEALTH_INTERVAL_MS: intervalMs = "30000" }: Environment): Pool {
  const config = readConfig(file);
  const { api_keys: keys, target_url: target, server_port: port = "8080", health_path: path = "/v1/models" } = config;
  if (!Array.isArray(keys)) throw new SettingsError(`${file} has no list \`api_keys\`.`);
  const odd = keys.findIndex((key) => typeof key !== "string");
  if (odd !== -1)
    throw new SettingsError(`\`api_keys[${odd}]\` in ${file} is not a string but of type ${typeof keys[odd]}.`);
  if (typeof target !== "string") throw new SettingsError(`${file} has no \`target_url\`.`);
  const proxy: Pool["proxy"] = {
    keys: keys as string[],
    target,
    strategy: "round_robin",
    // Whatever a provider's trouble is, the next key is tried, and 503 says that there is none left.
    policy: { server_error: "failover", overloaded: "failover" },
    onExhausted: (error) => exhausted(503, "No healthy API key is left", error),
    healthCheck: config["health_check"] === true ? { intervalMs: Number(intervalMs), path: String(path) } : undefined,
  };
  return { proxy, port: Number(port), isOpen: true };
}

async function fromEnvironment(environment: Environment): Promise<Pool> {
  const { OPENROUTER_API_KEYS: freeKeys, API_KEYS: keys, TARGET_URL: target, PORT: port = "3000" } = environment;
  if (freeKeys)
    return { proxy: freePool(freeKeys, target || "https://openrouter.ai/api"), port: Number(port), isOpen: true };
  if (target && !keys)
    throw new SettingsError("TARGET_URL is set, but API_KEYS is not. It lists the keys to begin with.");
  if (target) return { proxy: { keys, target }, port: Number(port), isOpen: false };
  const { settings, stop } = await startEmulatedProvider();
  const proxy = { keys: settings.keys, target: settings.baseURL.replace(/\/v1$/, "") };
  return { proxy, port: Number(port), isOpen: false, stop };
}

/** What OpenRouter gives a key for nothing, one key after the other. */
function freePool(keys: string, target: string): Pool["proxy"] {
  const limits: Limit[] = [
    { requests: 20, per: "minute" },
    { requests: 200, per: "day", window: "calendar" },
  ];
  const headers = { "http-referer": "http://localhost", "x-title": "rotating-fetch" };
  // Whoever reaches it may use the keys, for what the pool is for: not to read the account, or to make keys.
  const allowedPaths = ["/v1/chat/completions"];
  return { keys, target, provider: "openrouter", strategy: "fill_first", limits, headers, maxWaitMs: 0, allowedPaths };
}

function limitedOrDown(error: AllKeysExhaustedError): Response {
  if (error.status === 429) return exhausted(429, "All API keys are rate limited", error);
  return exhausted(503, "No API key can be used", error);
}

function exhausted(status: number, error: string, { retryAfterMs }: AllKeysExhaustedError): Response {
  const headers = retryAfterMs === null ? {} : { "retry-after": `${Math.ceil(retryAfterMs / 1000)}` };
  return Response.json({ error }, { status, headers });
}

function token(name: string, environment: Environment): { name: string; value: string; isMade: boolean } {
  const given = environment[name];
  return given ? { name, value: given, isMade: false } : { name, value: randomBytes(24).toString("hex"), isMade: true };
}
