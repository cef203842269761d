import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { HealthCheck, Limit } from "rotating-fetch";
import { startEmulatedProvider } from "./emulated-provider.ts";
import { SettingsError } from "./settings.ts";

/** What a server of the examples is told. */
export interface ServerSettings {
  readonly proxy: {
    readonly keys: string | readonly string[] | undefined;
    readonly target: string;
    readonly strategy?: "round_robin" | "fill_first";
    readonly limits?: readonly Limit[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly healthCheck?: HealthCheck;
  };
  readonly port: number;
  readonly host: string;
  readonly adminToken: string;
  readonly clientToken: string;
  /** Tokens that nobody gave, made up for this run. */
  readonly made: readonly { readonly name: string; readonly value: string }[];
  /** Ends what was started with them. */
  stop(): Promise<void>;
}

type Pool = Pick<ServerSettings, "proxy" | "port"> & { readonly stop?: () => Promise<void> };

/**
 * Reads the settings of a balancing proxy's `config.json`, where one is named, else of a free-pool proxy's environment, else
 * starts an emulated provider. `HOST`, `ADMIN_TOKEN` and `CLIENT_TOKEN` go beside all of them.
 * @throws SettingsError saying what to change.
 */
export async function serverSettings(file: string | undefined): Promise<ServerSettings> {
  const { HOST: host = "127.0.0.1", OPENROUTER_API_KEYS: keys, PORT: port } = process.env;
  const pool = file !== undefined ? fromConfig(file) : keys ? freePool(keys, port) : await emulated(port);
  const adminToken = token("ADMIN_TOKEN");
  const clientToken = token("CLIENT_TOKEN");
  const made = [adminToken, clientToken].filter(({ isMade }) => isMade);
  return {
    ...pool,
    host,
    adminToken: adminToken.value,
    clientToken: clientToken.value,
    made,
    stop: pool.stop ?? (async () => {}),
  };
}

/** `{ api_keys, server_port, target_url, health_check, health_path }` */
function fromConfig(file: string): Pool {
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  const { api_keys: keys, target_url: target, server_port: port = "8080", health_path: path = "/v1/models" } = config;
  if (!Array.isArray(keys)) throw new SettingsError(`${file} has no list \`api_keys\`.`);
  if (typeof target !== "string") throw new SettingsError(`${file} has no \`target_url\`.`);
  const healthCheck = { intervalMs: 30_000, path: new URL(String(path), target).href };
  const proxy = { keys: keys.map(String), target, strategy: "round_robin" as const };
  return { proxy: config["health_check"] === true ? { ...proxy, healthCheck } : proxy, port: Number(port) };
}

/** What OpenRouter gives a key for nothing, one key after the other. */
function freePool(keys: string, port = "3000"): Pool {
  const limits: Limit[] = [
    { requests: 20, per: "minute" },
    { requests: 200, per: "day", window: "calendar" },
  ];
  const headers = { "http-referer": "http://localhost", "x-title": "rotating-fetch" };
  const proxy = { keys, target: "https://openrouter.ai/api", strategy: "fill_first" as const, limits, headers };
  return { proxy, port: Number(port) };
}

async function emulated(port = "0"): Promise<Pool> {
  const { settings, stop } = await startEmulatedProvider();
  const target = settings.baseURL.replace(/\/v1$/, "");
  return { proxy: { keys: settings.keys, target }, port: Number(port), stop };
}

function token(name: string): { readonly name: string; readonly value: string; readonly isMade: boolean } {
  const given = process.env[name];
  return given ? { name, value: given, isMade: false } : { name, value: randomBytes(24).toString("hex"), isMade: true };
}
