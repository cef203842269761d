import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./store-process.ts", import.meta.url));

export interface StoreProcess {
  readonly pid: number;
  /** What it said of opening the store. */
  readonly said: string;
  readonly kill: () => Promise<void>;
  readonly ended: Promise<unknown>;
}

/** Starts a process with a store in a file; resolves when it has said how that went. */
export async function startStoreProcess(mode: string, path: string): Promise<StoreProcess> {
  const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", program, mode, path], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [said] = (await Promise.race([once(lines, "line"), ended.then(() => ["nothing"])])) as [string];
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { pid: child.pid as number, said, kill, ended };
}
