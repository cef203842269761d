import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileStore, StateFileError } from "../../../src/node.ts";
import { countOne, usedToday } from "./counted.ts";
import { startsProgram } from "./processes.ts";

const startStoreProcess = startsProgram(new URL("./store-process.ts", import.meta.url));
/** So often a process is killed while it saves, a little later each time. */
const kills = process.env["CI"] === undefined ? 8 : 20;
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-state-"));
  path = join(directory, "state.json");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function refusal(): StateFileError {
  try {
    FileStore.open({ path });
  } catch (error) {
    if (StateFileError.isInstance(error)) return error;
  }
  throw new Error("The file was opened");
}

describe("FileStore among processes", () => {
  it("loses nothing it had saved, and can always be read, however often its process is killed while saving", async () => {
    let before = 0;
    for (let round = 0; round < kills; round++) {
      const child = await startStoreProcess("busy", path);
      expect(child.said).toBe("open");
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      await child.kill();
      const store = FileStore.open({ path });
      const used = await usedToday(store, "k0");
      expect(used).toBeGreaterThan(before);
      before = used;
      await store.close();
    }
    expect(readdirSync(directory)).toEqual(["state.json"]);
  }, 120_000);

  it("refuses a second process while the first lives, and lets it in when the first was killed", async () => {
    const first = await startStoreProcess("hold", path);
    expect(first.said).toBe("open");
    const lock = readFileSync(`${path}.lock`, "utf8");
    expect(refusal()).toMatchObject({ problem: "in_use", message: expect.stringContaining(`process ${first.pid}`) });
    const second = await startStoreProcess("hold", path);
    expect(second.said).toBe("refused in_use");
    expect(readFileSync(`${path}.lock`, "utf8")).toBe(lock);
    await first.kill();
    const third = await startStoreProcess("hold", path);
    expect(third.said).toBe("open");
    await third.kill();
  }, 60_000);

  it("lets one of many in when all find a dead owner at once", async () => {
    const dead = await startStoreProcess("hold", path);
    await dead.kill();
    const all = await Promise.all([1, 2, 3, 4].map(() => startStoreProcess("hold", path)));
    expect(all.map(({ said }) => said).sort()).toEqual(["open", "refused in_use", "refused in_use", "refused in_use"]);
    await Promise.all(all.map(({ kill }) => kill()));
  }, 60_000);

  it("refuses a second store of the same process", async () => {
    const store = FileStore.open({ path });
    expect(refusal().message).toContain(`this process (${process.pid})`);
    await store.close();
    await FileStore.open({ path }).close();
  });

  it.each(["end", "exit", "throw"])(
    "saves when its process ends by itself, without being closed: %s",
    async (mode) => {
      const child = await startStoreProcess(mode, path);
      await child.ended;
      expect(readdirSync(directory)).toEqual(["state.json"]);
      const store = FileStore.open({ path });
      expect(await usedToday(store)).toBe(1);
      await store.close();
    },
    60_000,
  );

  it("takes over from a dead process whose id is another's now, as after a container's restart", async () => {
    writeFileSync(
      `${path}.lock`,
      JSON.stringify({ pid: process.pid, host: hostname(), startedAt: 1_000_000, birth: "another-boot:42" }),
    );
    await FileStore.open({ path }).close();
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("does not judge a process of another host, and says what to do", () => {
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: 7, host: "elsewhere", startedAt: 1_000_000 }));
    expect(refusal().message).toMatch(/process 7 on another host, "elsewhere".* delete .*state\.json\.lock/);
  });

  it("leaves a lock alone that is none", () => {
    writeFileSync(`${path}.lock`, "# not a lock\n");
    expect(refusal()).toMatchObject({ problem: "in_use", message: expect.stringContaining("names no process") });
    expect(readFileSync(`${path}.lock`, "utf8")).toBe("# not a lock\n");
  });

  it("stops saving, and says so, when another process has taken the file", async () => {
    const told: StateFileError[] = [];
    const store = FileStore.open({ path, onError: (error) => void told.push(error) });
    rmSync(`${path}.lock`);
    const other = await startStoreProcess("hold", path);
    await countOne(store);
    await expect(store.save()).rejects.toMatchObject({ problem: "in_use" });
    expect(told).toHaveLength(1);
    await expect(store.close()).rejects.toMatchObject({ problem: "in_use" });
    expect(JSON.parse(readFileSync(`${path}.lock`, "utf8"))).toMatchObject({ pid: other.pid });
    await other.kill();
  }, 60_000);

  it("goes on when somebody tidied its lock away", async () => {
    const store = FileStore.open({ path });
    rmSync(`${path}.lock`);
    await countOne(store);
    await store.save();
    expect(existsSync(`${path}.lock`)).toBe(true);
    await store.close();
  });
});
