import { randomBytes } from "node:crypto";
import { createProviderEmulator, expectNoSecrets, type ProviderEmulator } from "rotating-fetch/testing";
import { onTestFinished } from "vitest";
import type { Environment } from "./run-example.ts";
import { type RunningServer, type ServerToStart, startServer } from "./start-server.ts";

/** Looks like nothing real, and is told apart from others by its first letters. */
export const newSecret = (name = "test"): string => `${name}-${randomBytes(20).toString("hex")}`;

/** A provider that a server under test is put in front of. */
export interface Provider {
  readonly emulator: ProviderEmulator;
  readonly keys: readonly string[];
  /** Which keys the chat requests from this one on came with, by their places in `keys`. */
  chatsSince(count: number): readonly number[];
  chats(): number;
}

export async function startProvider(count: number): Promise<Provider> {
  const keys = Array.from({ length: count }, (_, place) => newSecret(`test${place}`));
  const emulator = createProviderEmulator({ keys });
  await emulator.start();
  onTestFinished(() => emulator.stop());
  const places = (): number[] =>
    emulator.arrivals
      .filter(({ path }) => path.endsWith("/chat/completions"))
      .map(({ secret }) => keys.indexOf(secret as string));
  return { emulator, keys, chats: () => places().length, chatsSince: (from) => places().slice(from) };
}

interface Tokens {
  readonly admin: string;
  readonly client: string;
}

/** A server that ends with the test, and has told no secret by then. */
export async function serve(server: ServerToStart, secrets: readonly string[]): Promise<RunningServer> {
  const running = await startServer(server);
  onTestFinished(async () => {
    await running.stop();
    expectNoSecrets(running.printed(), secrets);
  });
  return running;
}

export function newTokens(): { readonly tokens: Tokens; readonly environment: Environment } {
  const tokens = { admin: newSecret("admin"), client: newSecret("client") };
  return { tokens, environment: { ADMIN_TOKEN: tokens.admin, CLIENT_TOKEN: tokens.client } };
}
