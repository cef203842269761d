import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A `redis-server` of this test's own, on a free loopback port. Keeps nothing on disk that outlives it. */
export class RedisProcess {
  readonly port: number;
  readonly #directory: string;
  readonly #flags: readonly string[];
  readonly #before: readonly string[];
  #process: ChildProcess;

  /** Use {@link RedisProcess.start}. */
  constructor(port: number, directory: string, flags: readonly string[], before: readonly string[] = []) {
    this.port = port;
    this.#directory = directory;
    this.#flags = flags;
    this.#before = before;
    this.#process = this.#spawn();
  }

  static async start(flags: readonly string[] = [], port?: number): Promise<RedisProcess> {
    for (let tries = 1; ; tries++) {
      const directory = await mkdtemp(join(tmpdir(), "rotating-fetch-redis-"));
      const started = new RedisProcess(port ?? (await freePort()), directory, flags);
      try {
        await started.#listening();
        return started;
      } catch (error) {
        await started.end();
        // Somebody may have taken a free port before the server did.
        if (port !== undefined || tries === 3) throw error;
      }
    }
  }

  /** One that watches over a master. It keeps what it learns in its configuration. */
  static async sentinel(configuration: readonly string[]): Promise<RedisProcess> {
    const directory = await mkdtemp(join(tmpdir(), "rotating-fetch-redis-"));
    const path = join(directory, "sentinel.conf");
    await writeFile(path, configuration.map((line) => `${line}\n`).join(""));
    const started = new RedisProcess(await freePort(), directory, [], [path, "--sentinel"]);
    await started.#listening();
    return started;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Starts the same server anew on the same port: empty, or with what was written to its directory. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = this.#spawn();
    await this.#listening();
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
  }

  /** Stops it and lets it go on, as a system short of something does. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  async end(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #spawn(): ChildProcess {
    const common = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    common.push("--repl-diskless-sync-delay", "0");
    const flags = [...this.#before, ...common, "--dir", this.#directory, ...this.#flags];
    const child = spawn("redis-server", flags, { stdio: "ignore" });
    // Also where a test fails before it can end what it started.
    const end = (): void => {
      child.kill("SIGKILL");
    };
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    return child;
  }

  async #listening(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const reply = await this.command("PING").catch(() => "");
      if (reply.startsWith("+PONG")) return;
      if (this.#hasEnded) break;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`redis-server did not listen on port ${this.port}`);
  }

  /** Runs one command with `redis-cli`-like plain text, on a connection of its own. */
  async command(...words: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      let reply = "";
      socket.setTimeout(1000, () => socket.destroy(new Error("no reply")));
      socket.on("error", reject);
      socket.on("data", (data) => {
        reply += data.toString();
        if (!reply.endsWith("\r\n")) return;
        socket.destroy();
        resolve(reply);
      });
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`);
    });
  }
}

/** A port nobody listens on, nor ten thousand above it, where a cluster's bus listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 21_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!listens) return false;
  server.close();
  await once(server, "close");
  return true;
}
