import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { type KeyConfig, KeyRotator, type RotatorOptions } from "../../../src/index.ts";
import type { AdminOptions } from "../../../src/server/admin/create-admin-handler.ts";
import { type AdminHandler, createAdminHandler } from "../../../src/server/admin/create-admin-handler.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { newSecret } from "../../support/test-keys.ts";

export const writeToken = randomBytes(24).toString("hex");
export const readToken = randomBytes(24).toString("hex");
const tokens: AdminOptions["tokens"] = [writeToken, { token: readToken, rights: "read" }];

/** The envelope of most answers. */
export interface Answer {
  readonly success: boolean;
  readonly message: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for.
  readonly data: any;
  readonly code?: string;
  readonly field?: string;
}

export interface CallInit {
  readonly method?: string;
  /** `null`: none. */
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as a client of the API makes it: with a token, and with a body of JSON where there is one. */
export function requestTo(path: string, { method, token = writeToken, body, headers = {} }: CallInit = {}): Request {
  const sent = new Headers(token === null ? {} : { authorization: `Bearer ${token}` });
  if (body !== undefined) sent.set("content-type", "application/json");
  for (const [name, value] of Object.entries(headers)) sent.set(name, value);
  return new Request(`http://admin.test${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: sent,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

export interface Rig {
  readonly clock: FakeClock;
  readonly secrets: readonly string[];
  readonly ids: readonly string[];
  readonly rotator: KeyRotator;
  readonly handler: AdminHandler;
  call(path: string, init?: CallInit): Promise<Response>;
  /** The answer's JSON, with its status. */
  ask(path: string, init?: CallInit): Promise<Answer & { readonly status: number }>;
}

export interface RigOptions {
  readonly keys?: number | undefined;
  readonly settings?: Omit<KeyConfig, "secret"> | undefined;
  readonly pool?: Partial<RotatorOptions> | undefined;
  readonly admin?: Partial<AdminOptions> | undefined;
}

/** A pool on a clock of its own, with the handler that operates it as channel 1. */
export function rig({ keys = 3, settings = {}, pool = {}, admin = {} }: RigOptions = {}): Rig {
  // Not at zero, which stands for never.
  const clock = new FakeClock({ monotonic: 1000 });
  const secrets = Array.from({ length: keys }, newSecret);
  const rotator = new KeyRotator({ keys: secrets.map((secret) => ({ ...settings, secret })), clock, ...pool });
  const handler = createAdminHandler({ rotators: rotator, tokens, ...admin });
  const call: Rig["call"] = (path, init) => handler(requestTo(path, init));
  const ask: Rig["ask"] = async (path, init) => {
    const response = await call(path, init);
    return { status: response.status, ...((await response.json()) as Answer) };
  };
  const ids = secrets.map((secret) => rotator.add(secret));
  return { clock, secrets, ids, rotator, handler, call, ask };
}

/** Uses keys up to `count` times, one after the other; returns the ids in order. */
export async function use(rotator: KeyRotator, count: number): Promise<readonly string[]> {
  const used: string[] = [];
  for (let turn = 0; turn < count; turn++) {
    const lease = await rotator.acquire();
    used.push(lease.key.id);
    lease.settle({ outcome: "success" });
  }
  return used;
}

/** The handler behind a real server. */
export async function serve(handler: AdminHandler): Promise<string> {
  const server = createServer((incoming, outgoing) => void pass(handler, incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function pass(handler: AdminHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const controller = new AbortController();
  outgoing.once("close", () => controller.abort());
  const method = incoming.method as string;
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers: incoming.headers as Record<string, string>,
    signal: controller.signal,
    duplex: "half",
  };
  if (method !== "GET" && method !== "HEAD") init.body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  const response = await handler(new Request(`http://${incoming.headers.host}${incoming.url}`, init));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else
    Readable.fromWeb(response.body as never)
      .on("error", () => outgoing.destroy())
      .pipe(outgoing);
}
