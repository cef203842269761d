import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const settings = ["OPENROUTER_API_KEYS", "API_KEYS", "BASE_URL", "MODEL", "NO_COLOR", "FORCE_COLOR"];

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Runs a program of `examples/` as its user does; of the settings it reads, only those in `environment` are set. */
export function runExample(name: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([variable]) => !settings.includes(variable));
  const startedAt = performance.now();
  const child = spawn(process.execPath, ["--import", "tsx", `examples/${name}`], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr, elapsedMs: performance.now() - startedAt }));
  });
}
