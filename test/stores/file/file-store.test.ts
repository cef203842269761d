import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { FileStore, type FileStoreOptions, StateFileError } from "../../../src/node.ts";
import { expectNoSecrets, FakeClock, storeContract } from "../../../src/testing/index.ts";
import { countOne, takeOften, usedToday, wanting } from "./counted.ts";

let directory: string;
let path: string;
const opened: FileStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-state-"));
  path = join(directory, "state.json");
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close().catch(() => undefined);
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<FileStoreOptions> = {}): FileStore {
  const store = FileStore.open({ path, ...options });
  opened.push(store);
  return store;
}

/** What opening the file fails with. */
function refusal(): StateFileError {
  try {
    open();
  } catch (error) {
    if (StateFileError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("The file was opened");
}

describe("FileStore", () => {
  let contractStores = 0;
  storeContract(
    { describe, it },
    ({ clock, random }) => {
      const options = { path: join(directory, `${contractStores++}.json`), clock, random };
      return { store: open(options), advance: (ms) => clock.advance(ms), another: () => open(options) };
    },
    { capabilities: { synchronous: true, dumps: true, watches: true, pins: true, claims: true, persists: true } },
  );

  it("is opened, and says so to whoever calls it as a constructor", () => {
    const Constructor = FileStore as unknown as new (options: FileStoreOptions) => FileStore;
    expect(() => new Constructor({ path })).toThrow("Expected `FileStore.open({ path })`, got `new`");
  });

  it("continues a day's count, a minute and a cooldown after a restart", async () => {
    const clock = new FakeClock({ wall: Date.UTC(2026, 5, 1, 12), monotonic: 5000 });
    const edges = [Date.UTC(2026, 5, 1), Date.UTC(2026, 5, 2), Date.UTC(2026, 5, 3)] as const;
    const before = open({ clock });
    await countOne(before, wanting("a", edges));
    await countOne(before, wanting("a", edges));
    before.cooldown([{ scope: "key:a", set: { forMs: 90_000 }, reason: "rate_limit", source: "authoritative" }]);
    await before.close();
    const later = new FakeClock({ wall: clock.wall() + 30_000, monotonic: 12 });
    const after = open({ clock: later });
    expect(await usedToday(after, "a", edges)).toBe(2);
    expect(after.read([], [wanting("a", edges).needs[0]?.bucket as never]).buckets[0]).toMatchObject({
      used: 2,
      resetInMs: 31_000,
    });
    const [state] = after.read(["key:a"], []).scopes;
    expect((state?.until ?? 0) - later.monotonic()).toBe(60_000);
  });

  it("makes the file and its directory for this user alone, and tightens a file that others may read", async () => {
    path = join(directory, "new", "deep", "state.json");
    const store = open();
    await countOne(store);
    await store.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "new")).mode & 0o777).toBe(0o700);
    chmodSync(path, 0o644);
    open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("says so where its directory cannot be made, and does not hang", () => {
    writeFileSync(join(directory, "file"), "");
    for (const impossible of [join(directory, "file", "below", "state.json"), "/proc/none/state.json"]) {
      expect(() => FileStore.open({ path: impossible })).toThrow(
        expect.objectContaining({ code: "ERR_STATE_FILE", problem: "unreadable" }),
      );
    }
  });

  it("leaves nothing but the file behind when it is closed", async () => {
    const store = open();
    await countOne(store);
    expect(readdirSync(directory)).toEqual(["state.json.lock"]);
    await store.close();
    expect(readdirSync(directory)).toEqual(["state.json"]);
  });

  it("saves what changed once in `saveEveryMs`, and nothing while nothing changes", async () => {
    const clock = new FakeClock();
    const store = open({ clock, saveEveryMs: 500 });
    await clock.advance(5000);
    expect([existsSync(path), clock.pendingTimers]).toEqual([false, 0]);
    takeOften(store, 20);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(499);
    expect(existsSync(path)).toBe(false);
    await clock.advance(1);
    await store.save();
    expect(readFileSync(path, "utf8")).toContain("key:k19#day");
    expect(clock.pendingTimers).toBe(0);
  });

  it("replaces the file a link leads to, not the link", async () => {
    mkdirSync(join(directory, "real"));
    const real = join(directory, "real", "state.json");
    const first = open({ path: real });
    await countOne(first);
    await first.close();
    symlinkSync(real, path);
    const second = open();
    await countOne(second);
    await second.close();
    expect([second.path, await usedToday(open({ path: real }))]).toEqual([real, 2]);
  });

  it("holds no secret", async () => {
    const secrets = [0, 1, 2].map(() => `test-${randomBytes(16).toString("hex")}`);
    const store = open();
    let asked = 0;
    const fetch = createRotatingFetch({
      keys: secrets,
      baseURL: "http://provider.test/v1",
      limits: [{ requests: 5 }],
      maxWaitMs: 0,
      store,
      fetch: async () => new Response("{}", { status: asked++ === 0 ? 401 : 200 }),
    });
    await fetch("http://provider.test/v1/models");
    await store.save();
    const saved = readFileSync(path, "utf8");
    expect(saved).toContain("invalid_key");
    expectNoSecrets({ saved, dump: store.dump(), lock: readFileSync(`${path}.lock`, "utf8") }, secrets);
    await fetch.rotator.close();
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  describe("a file it cannot use", () => {
    const complete = async (): Promise<string> => {
      const store = open();
      await countOne(store);
      await store.close();
      return readFileSync(path, "utf8");
    };

    it.each([
      ["is empty", (_text: string) => "", "damaged", "is torn: 0 bytes"],
      ["breaks off", (text: string) => text.slice(0, -20), "damaged", "is torn"],
      ["is another program's", () => '{"name":"other"}', "foreign", "is none of rotating-fetch's"],
      ["is a list", () => "[1]", "foreign", "is none of rotating-fetch's"],
      [
        "is of a later version",
        (text: string) => text.replace('"version":2', '"version":3'),
        "too_new",
        "later version",
      ],
      [
        "is out of shape",
        (text: string) => text.replace('"kind":"rolling"', '"kind":"falling"'),
        "damaged",
        "is damaged",
      ],
    ])("is refused with its name and left byte for byte when it %s", async (_title, change, problem, words) => {
      const text = change(await complete());
      writeFileSync(path, text);
      chmodSync(path, 0o644);
      const error = refusal();
      expect(error).toMatchObject({ name: "StateFileError", code: "ERR_STATE_FILE", path, problem });
      expect(error.cause).toBeInstanceOf(Error);
      expect(error.message).toContain(path);
      expect(error.message).toContain(words);
      expect(error.message).toContain("Move it away");
      expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual([text, 0o644]);
      expect(readdirSync(directory)).toEqual(["state.json"]);
    });

    it("is refused when it is no file", () => {
      mkdirSync(path);
      expect(refusal()).toMatchObject({ problem: "unreadable", message: expect.stringContaining("it is no file") });
    });

    it("is not quoted: it may be the file of secrets", () => {
      const secret = `test-${randomBytes(16).toString("hex")}`;
      for (const text of [
        secret,
        `${secret},${secret}`,
        `{"format":"${secret}"}`,
        `{"${secret}":1}`,
        `["${secret}"]`,
      ]) {
        writeFileSync(path, text);
        expectNoSecrets(refusal(), [secret]);
      }
    });
  });

  describe("a save that fails", () => {
    it("is told, fails no request, and is tried again", async () => {
      const clock = new FakeClock({ wall: Date.now() });
      const told: StateFileError[] = [];
      const logged: string[] = [];
      const log = (message: string): void => void logged.push(message);
      const store = open({
        clock,
        onError: (error) => {
          told.push(error);
          throw new Error("a hook that fails");
        },
        logger: { debug: log, info: log, warn: log, error: log },
      });
      // A directory in the draft's place cannot be removed as a file, whoever runs this.
      mkdirSync(`${path}.tmp`);
      await countOne(store);
      await clock.advance(1000);
      const failure = await store.save().catch((error: unknown) => error);
      expect(StateFileError.isInstance(failure)).toBe(true);
      expect(told[0]).toMatchObject({ problem: "unsaved", path, cause: { code: expect.any(String) } });
      await countOne(store);
      rmSync(`${path}.tmp`, { recursive: true });
      expect(clock.pendingTimers).toBe(1);
      await clock.advance(1000);
      await store.save();
      expect(logged).toEqual([told[0]?.message, `The state file ${path} is saved again.`]);
      await store.close();
      expect(await usedToday(open({ clock }))).toBe(2);
    });

    it("rejects close(), which gives the file up all the same", async () => {
      const store = open();
      mkdirSync(`${path}.tmp`);
      await countOne(store);
      await expect(store.close()).rejects.toMatchObject({ problem: "unsaved" });
      expect(existsSync(`${path}.lock`)).toBe(false);
    });
  });

  it("says so when it counts on after it was closed", async () => {
    const told: StateFileError[] = [];
    const store = open({ onError: (error) => void told.push(error) });
    await store.close();
    await countOne(store);
    await countOne(store);
    expect(told.map(({ problem }) => problem)).toEqual(["unsaved"]);
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    [{ saveEveryMs: 5 }, "saveEveryMs"],
    [{ path: "" }, "path"],
    [{ onError: 1 }, "onError"],
    [{ saveEvery: 1000 }, "saveEvery"],
  ])("refuses options that cannot work: %j", (options, field) => {
    expect(() => open(options as never)).toThrow(expect.objectContaining({ code: "ERR_INVALID_OPTIONS", field }));
  });
});
