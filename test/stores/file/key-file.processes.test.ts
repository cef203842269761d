import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyFile, StateFileError } from "../../../src/node.ts";
import { type FileProcess, startsProgram } from "./processes.ts";

const start = startsProgram(new URL("./key-file-process.ts", import.meta.url));
let directory: string;
let path: string;
const children: FileProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-keys-"));
  path = join(directory, "operators.json");
});

afterEach(async () => {
  for (const { kill } of children.splice(0)) await kill();
  rmSync(directory, { recursive: true, force: true });
});

async function startProcess(mode: string): Promise<FileProcess> {
  const child = await start(mode, path);
  children.push(child);
  return child;
}

function problem(): string {
  try {
    void KeyFile.open({ path }).close();
    return "none";
  } catch (error) {
    if (StateFileError.isInstance(error)) return `${error.problem}: ${error.message}`;
    throw error;
  }
}

describe("KeyFile among processes", () => {
  it("refuses a second process while the first lives, and lets it in when the first was killed", async () => {
    const first = await startProcess("hold");
    expect(first.said).toBe("open");
    const lock = readFileSync(`${path}.lock`, "utf8");
    expect(problem()).toMatch(new RegExp(`^in_use: .*process ${first.pid}`));
    expect((await startProcess("hold")).said).toBe("refused in_use");
    expect(readFileSync(`${path}.lock`, "utf8")).toBe(lock);
    await first.kill();
    expect((await startProcess("hold")).said).toBe("open");
  }, 60_000);

  it("shows a process what operators changed in the one before", async () => {
    const first = await startProcess("change");
    expect(first.said).toBe("open");
    await first.ended;
    expect(readdirSync(directory)).toEqual(["operators.json"]);
    const { records } = KeyFile.open({ path }).load();
    expect(records).toMatchObject([
      { ordinal: 1, removed: false, settings: { note: "from the first process" } },
      { ordinal: 2, removed: true },
    ]);
  }, 60_000);

  it("has what was being written when its process ends", async () => {
    const { said, ended } = await startProcess("exit");
    expect(said).toBe("open");
    await ended;
    expect(readFileSync(path, "utf8")).toContain("written at exit");
    expect(problem()).toBe("none");
  }, 60_000);

  it("can always be read, and lacks nothing that was stored, however often its process is killed while writing", async () => {
    for (let round = 0; round < 6; round++) {
      const { said, kill } = await startProcess("busy");
      expect(said).toBe("open");
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      await kill();
      const store = KeyFile.open({ path });
      expect(store.load().records).toMatchObject([
        { ordinal: 1 },
        { ordinal: 2, settings: { enabled: false, disabledReason: "too expensive" } },
      ]);
      await store.close();
    }
    expect(readdirSync(directory)).toEqual(["operators.json"]);
  }, 120_000);
});
