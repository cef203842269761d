import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of a runtime, in the user's project, with little of this one's surroundings. */
export class Child {
  readonly #process: ChildProcess;
  /** Resolves when it is over. */
  readonly ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";
  readonly #lineListeners = new Set<() => void>();

  constructor(
    binary: string,
    parameters: readonly string[],
    project: string,
    variables: Readonly<Record<string, string>> = {},
  ) {
    const child = spawn(binary, parameters, {
      cwd: project,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: project,
        DENO_DIR: `${project}/.deno`,
        DENO_NO_UPDATE_CHECK: "1",
        DO_NOT_TRACK: "1",
        NO_COLOR: "1",
        ...variables,
      },
    });
    this.#process = child;
    const onExit = (): void => void child.kill("SIGKILL");
    process.once("exit", onExit);
    child.once("close", () => process.removeListener("exit", onExit));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      for (const listener of this.#lineListeners) listener();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#stderr += String(error);
        resolve(this.#end(null));
      });
      child.once("close", (code) => resolve(this.#end(code)));
    });
  }

  /** The first thing printed that matches; rejects when the process ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#stdout);
        if (match !== null) resolve(match);
      };
      this.#lineListeners.add(look);
      look();
      this.ended.then(({ code, stderr }) => reject(new Error(`Ended with code ${code}:\n${stderr}`)));
    });
  }

  /** Ends it, if it has not ended. */
  async kill(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill("SIGKILL");
    await this.ended;
  }

  /** Waits for its own end, and makes one when that takes too long. */
  async endedWithin(ms: number): Promise<Ended> {
    const timer = setTimeout(() => {
      this.#stderr += `\nStill running after ${ms} ms`;
      this.#process.kill("SIGKILL");
    }, ms);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  #end(code: number | null): Ended {
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }
}
