import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { type BuiltPrograms, buildPrograms } from "../../support/built-programs.ts";

export interface FileProcess {
  readonly pid: number;
  /** What it said of opening the file. */
  readonly said: string;
  readonly kill: () => Promise<void>;
  readonly ended: Promise<unknown>;
}

/** Starts a process with a file; resolves when it has said how that went. */
type StartProcess = (mode: string, path: string) => Promise<FileProcess>;

/** Builds a program once for the tests of a file. */
export function startsProgram(source: URL): StartProcess {
  let programs: BuiltPrograms;
  beforeAll(async () => {
    programs = await buildPrograms({ program: fileURLToPath(source) });
  });
  afterAll(() => programs.remove());
  return (mode, path) => startProcess([programs.pathOf("program"), mode, path]);
}

async function startProcess(parameters: readonly string[]): Promise<FileProcess> {
  const child: ChildProcess = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [said] = (await Promise.race([once(lines, "line"), ended.then(() => ["nothing"])])) as [string];
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { pid: child.pid as number, said, kill, ended };
}
