import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Ask, requestText, type Target } from "./exchange.ts";
import { type ServerName, type Setup, servers } from "./servers.ts";
import { MessageReader } from "./wire.ts";

export const portkey = "portkey gateway";

export type ProxyName = ServerName | typeof portkey;

/** A proxy that runs in a process of its own. */
export interface Contestant {
  readonly name: ProxyName;
  readonly target: Target;
  readonly child: ChildProcess;
}

const path = "/v1/chat/completions";

/** Starts a file of this folder's processes; resolves with what it says first. */
export async function startProcess<T>(
  file: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly said: T }> {
  const child = fork(fileURLToPath(new URL(`./processes/${file}`, import.meta.url)), args, {
    execArgv: [...execArgv, "--import", "tsx"],
  });
  const said = await Promise.race([
    once(child, "message").then(([message]) => message as T),
    once(child, "exit").then(([code]) => {
      throw new Error(`${file} ${args[0] ?? ""} ended with ${String(code)}`);
    }),
  ]);
  return { child, said };
}

export async function start(name: ProxyName, setup: Setup): Promise<Contestant> {
  if (name === portkey) return startPortkey(setup);
  // Such as --cpu-prof, to see where the time goes.
  const flags = (process.env["BENCH_PROXY_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
  const { child, said } = await startProcess<{ port: number }>("server.ts", [name, JSON.stringify(setup)], flags);
  return { name, child, target: { port: said.port, path, token: setup.token } };
}

/** The published command. It takes the port it is told, and listens wherever it can. */
async function startPortkey({ upstream, keys: [key = ""] }: Setup): Promise<Contestant> {
  const port = await freePort();
  const file = createRequire(import.meta.url).resolve("@portkey-ai/gateway/build/start-server.js");
  const child = spawn(process.execPath, [file, `--port=${port}`, "--headless"], {
    stdio: "ignore",
    env: { ...process.env, NODE_ENV: "production" },
  });
  const headers = { "x-portkey-provider": "openai", "x-portkey-custom-host": `${upstream}/v1` };
  for (let tries = 0; !(await isListening(port)); tries++) {
    if (tries === 100) throw new Error("The Portkey gateway did not start");
    await sleep(100);
  }
  return { name: portkey, child, target: { port, path, token: key, headers } };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Ends what `start` started, by its own process id. */
export function stop({ child }: { readonly child: ChildProcess }): void {
  if (child.connected) child.disconnect();
  else child.kill();
}

export const makeSecret = (): string => `test-${randomBytes(16).toString("hex")}`;

/** A fast wrong answer is worth nothing: asks each for some answers and looks which keys came. `undefined`: all is well. */
export async function faultOf({ name, target }: Contestant, ask: Ask): Promise<string | undefined> {
  const seen = new Set<unknown>();
  for (let count = 0; count < 3; count++) {
    const answer = await exchange(target, requestText(target, ask, ask === "json"));
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    if (!head.startsWith("HTTP/1.1 200")) return head.split("\r\n")[0] ?? "no answer";
    if (ask === "stream") {
      if (!answer.includes("data: [DONE]")) return "the stream did not end";
    } else seen.add((JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1)) as { key: unknown }).key);
  }
  if (ask === "stream") return undefined;
  const expected = name.includes("rotating-fetch") ? 3 : 1;
  return seen.has(-1) || seen.size !== expected ? `keys ${[...seen].join(", ")} came` : undefined;
}

function exchange({ port }: Target, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    const reader = new MessageReader((message) => {
      socket.destroy();
      resolve(message.toString("latin1"));
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("error", reject);
    socket.setTimeout(5000, () => socket.destroy(new Error("no answer in time")));
  });
}

export const allNames: readonly ProxyName[] = [...(Object.keys(servers) as ServerName[]), portkey];
