import { randomBytes } from "node:crypto";
import { createRotatingFetch, type RotatingFetch, type RotatingFetchOptions } from "rotating-fetch";
import { onTestFinished } from "vitest";
import type { Refusal } from "./answers/refusals.ts";
import { RecordingServer } from "./recording-server.ts";

/** The client's own key, as the documentation has it. */
export const placeholder = "rotating";

/** What a client called `fetch` for. */
export interface FetchCall {
  readonly input: string | URL | Request;
  /** Milliseconds until it was settled; `undefined` before. */
  elapsedMs: number | undefined;
}

export interface World {
  readonly server: RecordingServer;
  /** Of the keys in their order. */
  readonly secrets: readonly string[];
  /** What a client is given: the rotating fetch, with its calls written down. */
  readonly fetch: RotatingFetch;
  readonly calls: readonly FetchCall[];
}

export type Sender = (input: string, init?: RequestInit) => Promise<Response>;

/** Sends to the server what is meant for the hosts of providers, and nothing anywhere else. */
export function sendingTo(server: RecordingServer, send: Sender = globalThis.fetch): Sender {
  return (input, init) => {
    const url = new URL(input);
    return send(url.protocol === "https:" ? server.urlFor(url) : input, init);
  };
}

/** A provider with as many keys as there are refusals (`undefined`: the key is good), and a rotating fetch over them. */
export async function setUp(
  refusals: readonly (Refusal | undefined)[],
  options: Partial<RotatingFetchOptions> = {},
  send?: Sender,
): Promise<World> {
  const secrets = refusals.map(() => `test-${randomBytes(16).toString("hex")}`);
  const server = new RecordingServer(new Map(secrets.map((secret, place) => [secret, refusals[place]])));
  await server.start();
  onTestFinished(() => server.stop());
  const fetch = createRotatingFetch({ keys: secrets, fetch: sendingTo(server, send), ...options });
  const calls: FetchCall[] = [];
  const recording = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const call: FetchCall = { input, elapsedMs: undefined };
    calls.push(call);
    const before = performance.now();
    try {
      return await fetch(input, init);
    } finally {
      call.elapsedMs = performance.now() - before;
    }
  };
  return { server, secrets, fetch: Object.assign(recording, fetch), calls };
}
