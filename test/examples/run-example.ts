import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { type BuiltPrograms, buildPrograms } from "../support/built-programs.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const settings: ReadonlySet<string> = new Set([
  ...["OPENROUTER_API_KEYS", "API_KEYS", "BASE_URL", "MODEL", "NO_COLOR", "FORCE_COLOR"],
  ...["TARGET_URL", "HOST", "PORT", "ADMIN_TOKEN", "CLIENT_TOKEN", "KEY_FILE", "LOG_LEVEL", "HEALTH_INTERVAL_MS"],
]);

export type Environment = Readonly<Record<string, string>>;

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** What a program has written so far. */
type Output = { -readonly [Name in "stdout" | "stderr"]: Ended[Name] };

let built: BuiltPrograms | undefined;

/** Has the tests of a file or of a `describe` start these programs of `examples/` from a build, which is made once. */
export function buildExamples(...names: readonly string[]): void {
  beforeAll(async () => {
    built = await buildPrograms(Object.fromEntries(names.map((name) => [nameOf(name), `examples/${name}`])));
  });
  afterAll(async () => {
    await built?.remove();
    built = undefined;
  });
}

const nameOf = (path: string): string => path.replaceAll("/", "-").replace(/\.ts$/, "");

/**
 * Starts a program of `examples/`, as its user does where it was not built; of the settings it reads, only those in
 * `environment` are set.
 */
export function spawnExample(
  name: string,
  args: readonly string[],
  environment: Environment,
): { readonly child: ChildProcessByStdio<null, Readable, Readable>; readonly output: Output } {
  const inherited = Object.entries(process.env).filter(([variable]) => !settings.has(variable));
  const program = built === undefined ? ["--import", "tsx", `examples/${name}`] : [built.pathOf(nameOf(name))];
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
    });
  }
  return { child, output };
}

/** Runs a program of `examples/` to its end. */
export function runExample(name: string, environment: Environment = {}): Promise<Ended> {
  const startedAt = performance.now();
  const { child, output } = spawnExample(name, [], environment);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, ...output, elapsedMs: performance.now() - startedAt }));
  });
}
