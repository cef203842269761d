import { once } from "node:events";
import { type Ended, type Environment, spawnExample } from "./run-example.ts";

export interface RunningServer {
  /** Where it listens. */
  readonly origin: string;
  /** What it has printed so far. */
  printed(): string;
  /** Waits until it has printed something. */
  until(pattern: RegExp): Promise<string>;
  /** Ends it as whatever runs servers does, with SIGTERM. Time is counted from there. */
  stop(): Promise<Ended>;
}

export interface ServerToStart {
  readonly name: string;
  readonly args?: readonly string[];
  readonly environment: Environment;
}

/** Starts a server of `examples/` on a free port, and waits until it listens. */
export async function startServer({ name, args = [], environment }: ServerToStart): Promise<RunningServer> {
  const { child, output } = spawnExample(name, args, { PORT: "0", ...environment });
  const closed = once(child, "close") as Promise<[number | null]>;
  const until = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(output.stdout);
      if (found !== null) return found[1] ?? found[0];
      await Promise.race([once(child.stdout, "data"), closed]);
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${output.stderr}`);
    }
  };
  return {
    origin: await until(/^listening on (http:\/\/\S+:\d+),/m),
    printed: () => output.stdout + output.stderr,
    until,
    stop: async () => {
      const startedAt = performance.now();
      child.kill("SIGTERM");
      const [exitCode] = await closed;
      return { exitCode, ...output, elapsedMs: performance.now() - startedAt };
    },
  };
}
