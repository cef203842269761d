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
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRotatingFetch, KeyRotator, type Logger } from "../../../src/index.ts";
import { FileStore, KeyFile, type KeyFileOptions, StateFileError } from "../../../src/node.ts";
import type { KeyRecord } from "../../../src/pool/keys/key-store.ts";
import { expectNoSecrets, keyStoreContract } from "../../../src/testing/index.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";

let directory: string;
let path: string;
const opened: { close(): Promise<void> }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-keys-"));
  path = join(directory, "operators.json");
});

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close().catch(() => undefined);
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<KeyFileOptions> = {}): KeyFile {
  const store = KeyFile.open({ path, ...options });
  opened.push(store);
  return store;
}

function start(keyStore: KeyFile, keys: string | string[], logger?: Logger): KeyRotator {
  const rotator = new KeyRotator({ keys, keyStore, logger });
  opened.unshift(rotator);
  return rotator;
}

/** What opening the file fails with. */
function refusal(options: Partial<KeyFileOptions> = {}): Error {
  try {
    open(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error("The file was opened");
}

const record: KeyRecord = {
  id: "a",
  fingerprint: "0123456789abcdef",
  ordinal: 1,
  addedBy: "source",
  removed: false,
  batch: null,
  settings: { weight: 2 },
};

function write(...records: readonly unknown[]): void {
  writeFileSync(path, JSON.stringify({ format: "rotating-fetch/keys", version: 1, records }));
}

describe("KeyFile", () => {
  for (const storeSecrets of [false, true]) {
    describe(storeSecrets ? "with secrets" : "without secrets", () => {
      let count = 0;
      keyStoreContract({ describe, it }, () => {
        const own = join(directory, `${count++}.json`);
        const store = open({ path: own, storeSecrets });
        const reopen = async (): Promise<KeyFile> => {
          await store.close();
          return open({ path: own, storeSecrets });
        };
        return { store, reopen };
      });
    });
  }

  it("has operators' changes again after a restart", async () => {
    const [one, two, mine] = newSecrets(3) as [string, string, string];
    const rotator = start(open({ storeSecrets: true }), [one, two]);
    const [first, second] = (await rotator.snapshot()).keys.map(({ id }) => id) as [string, string];
    rotator.import([
      { id: "mine", secret: mine, weight: 4, limits: [{ requests: 5, per: "day", window: "calendar" }] },
    ]);
    rotator.update(first, { note: "für später", models: ["m"] });
    rotator.disable(second, "too expensive");
    await rotator.flushed();
    const before = await rotator.snapshot();
    await rotator.close();
    const again = start(open({ storeSecrets: true }), [one, two]);
    const after = await again.snapshot();
    expect(after.keys).toEqual(before.keys);
    expect(after.keys.map(({ enabled, disabledReason }) => [enabled, disabledReason])).toEqual([
      [true, null],
      [false, "too expensive"],
      [true, null],
    ]);
    const lease = await again.acquire({ prefer: "mine" });
    expect(lease.secret === mine).toBe(true);
  });

  it("is refused to another provider after a restart, which gets none of its keys", async () => {
    const secret = newSecret();
    const received: string[] = [];
    const server = createServer((request, response) => {
      received.push(JSON.stringify([request.url, request.rawHeaders]));
      response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const first = new KeyRotator({ keys: newSecret(), provider: "openai", keyStore: open({ storeSecrets: true }) });
    first.import([{ id: "imported", secret }]);
    await first.close();
    const before = readFileSync(path, "utf8");

    const refused = open({ storeSecrets: true });
    const begin = () => createRotatingFetch({ provider: "anthropic", baseURL, keys: newSecret(), keyStore: refused });
    expect(begin).toThrow(/provider "anthropic".*got one with the keys of provider "openai"/);
    expect(begin).toThrow(expect.objectContaining({ field: "keyStore" }));
    await refused.close();
    expect(readFileSync(path, "utf8")).toBe(before);

    const own = open({ path: join(directory, "other.json"), storeSecrets: true });
    const second = createRotatingFetch({ provider: "anthropic", baseURL, keys: newSecret(), keyStore: own });
    opened.unshift(second.rotator);
    for (let call = 0; call < 3; call++) await (await second(`${baseURL}/v1/messages`)).text();
    server.close();
    expect(received).toHaveLength(3);
    expectNoSecrets(received, [secret]);

    const again = new KeyRotator({ keys: newSecret(), provider: "openai", keyStore: open({ storeSecrets: true }) });
    opened.unshift(again);
    const lease = await again.acquire({ prefer: "imported" });
    expect(lease.secret === secret).toBe(true);
  });

  it("binds a file that was written before to the first that opens it, before a key of it is used", async () => {
    write(record);
    const store = open();
    expect(await store.claim('"openai"')).toBe('"openai"');
    const { version, owner, records } = JSON.parse(readFileSync(path, "utf8"));
    // An earlier version, which does not mind owners, refuses the file.
    expect([version, owner, records]).toEqual([2, '"openai"', [record]]);
    await store.close();
    expect(await open().claim('"anthropic"')).toBe('"openai"');
  });

  it("takes the first claim where somebody took the owner out of the file", async () => {
    writeFileSync(path, JSON.stringify({ format: "rotating-fetch/keys", version: 2, records: [record] }));
    const store = open();
    expect(store.load().records).toEqual([record]);
    expect(await store.claim('"groq"')).toBe('"groq"');
  });

  it("lets nobody use records whose owner cannot be written down", async () => {
    write(record);
    const before = readFileSync(path, "utf8");
    const store = open();
    await store.close();
    expect(() => start(store, newSecret())).toThrow(
      expect.objectContaining({ code: "ERR_KEY_STORE", cause: expect.objectContaining({ problem: "unsaved" }) }),
    );
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("has a claim wait for a change that is being written without one", async () => {
    const store = open();
    const change = store.apply({ put: [record], drop: [] }, store.load().version);
    await Promise.resolve();
    const claims = [store.claim('"openai"'), store.claim('"groq"')];
    await change;
    expect(await Promise.all(claims)).toEqual(['"openai"', '"openai"']);
    await store.close();
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ owner: '"openai"', records: [record] });
  });

  it("holds no secret unless it is to keep them, and is this user's alone", async () => {
    const secrets = newSecrets(3) as [string, string, string];
    const rotator = start(open(), secrets.slice(0, 1));
    rotator.import([secrets[1]]);
    rotator.replace((await rotator.snapshot()).keys[0]?.id as string, secrets[2]);
    await rotator.close();
    expectNoSecrets(readFileSync(path, "utf8"), secrets);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(5);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o644);
    const kept = start(open({ storeSecrets: true }), secrets.slice(0, 1));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    kept.import([secrets[1]]);
    await kept.close();
    expect(readFileSync(path, "utf8").includes(secrets[1])).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["operators.json"]);
  });

  it("refuses a file with secrets when it is not to keep them, and leaves it as it is", () => {
    const secret = newSecret();
    write({ ...record, given: { secret } });
    const text = readFileSync(path, "utf8");
    const error = refusal();
    expect(error).toMatchObject({ name: "InvalidOptionsError", field: "storeSecrets" });
    expectNoSecrets(error, [secret]);
    expect([readFileSync(path, "utf8"), readdirSync(directory)]).toEqual([text, ["operators.json"]]);
    expect(open({ storeSecrets: true }).load().records).toHaveLength(1);
  });

  it("makes its directory for this user alone, and follows a link to the file", async () => {
    path = join(directory, "new", "deep", "operators.json");
    const store = open();
    await store.apply({ put: [record], drop: [] }, store.load().version);
    expect(statSync(join(directory, "new")).mode & 0o777).toBe(0o700);
    await store.close();
    const link = join(directory, "link.json");
    symlinkSync(path, link);
    expect(open({ path: link }).path).toBe(path);
  });

  it.each<[string, string, string]>([
    ["torn", '{"format":"rotating-fetch/keys","version":1,"records":[{"id":"a",', "damaged"],
    ["empty", "", "damaged"],
    ["a list of secrets", '["test-secret-of-a-list"]', "foreign"],
    ["something else's", '{"format":"rotating-fetch/store","version":1}', "foreign"],
    ["no object", "5", "foreign"],
    ["nothing", "null", "foreign"],
    ["of a later version", '{"format":"rotating-fetch/keys","version":3,"records":[]}', "too_new"],
    ["without a version", '{"format":"rotating-fetch/keys","records":[]}', "damaged"],
    ["with an owner that is none", '{"format":"rotating-fetch/keys","version":2,"owner":7,"records":[]}', "damaged"],
    ["without records", '{"format":"rotating-fetch/keys","version":1}', "damaged"],
  ])("refuses a file that is %s, and leaves it as it is", (_, text, problem) => {
    writeFileSync(path, text);
    const error = refusal();
    expect(error).toBeInstanceOf(StateFileError);
    expect(error).toMatchObject({ problem, path });
    expect(error.message).toContain("Move it away to begin without what operators changed");
    expectNoSecrets([error, inspect(error, { depth: null })], ["test-secret-of-a-list"]);
    expect([readFileSync(path, "utf8"), readdirSync(directory)]).toEqual([text, ["operators.json"]]);
  });

  it.each<[string, object]>([
    ["records[0].id", { id: "" }],
    ["records[0].fingerprint", { fingerprint: 5 }],
    ["records[0].ordinal", { ordinal: 0 }],
    ["records[0].ordinal", { ordinal: 1.5 }],
    ["records[0].addedBy", { addedBy: "nobody" }],
    ["records[0].removed", { removed: "no" }],
    ["records[0].batch", { batch: 5 }],
    ["records[0].replaces", { replaces: 5 }],
    ["records[0].settings", { settings: null }],
    ["records[0].settings.weight", { settings: { weight: -1 } }],
    ["records[0].settings.disabledReason", { settings: { disabledReason: 5 } }],
    ["records[0].given.secret", { given: { secret: "" } }],
    ["records[0].given.limits[0]", { given: { secret: "test-x", limits: [{}] } }],
    ["records[0].more", { more: 1 }],
  ])("refuses a file whose %s is not what it should be, and names it", (field, change) => {
    write({ ...record, ...change });
    const error = refusal({ storeSecrets: true });
    expect(error).toMatchObject({ problem: "damaged" });
    expect(error.message).toContain(`\`${field}\``);
  });

  it("refuses two records with one id, or with one number", () => {
    write(record, { ...record, ordinal: 2 });
    expect(refusal().message).toContain("`records[1].id`");
    write(record, { ...record, id: "b" });
    expect(refusal().message).toContain("`records[1].ordinal`");
  });

  it("refuses a directory, and options that cannot work", () => {
    mkdirSync(path);
    expect(refusal()).toMatchObject({ problem: "unreadable" });
    for (const [field, options] of [
      ["path", { path: "" }],
      ["storeSecrets", { storeSecrets: "yes" }],
      ["secrets", { secrets: true }],
    ] as const) {
      expect(refusal(options as never)).toMatchObject({ name: "InvalidOptionsError", field });
    }
  });

  it("belongs to one store at a time, of whatever kind", async () => {
    const store = open();
    expect(refusal()).toMatchObject({ problem: "in_use" });
    expect(refusal().message).toContain(`this process (${process.pid})`);
    expect(() => FileStore.open({ path })).toThrow(expect.objectContaining({ problem: "in_use" }));
    await store.close();
    open();
  });

  it("fails no request when it cannot be written: the logger is told, and it is written when it can be", async () => {
    const lines: [string, object | undefined][] = [];
    const log = (message: string, details?: object): void => void lines.push([message, details]);
    const rotator = start(open(), newSecrets(2), { debug: log, info: log, warn: log, error: log });
    const [first] = (await rotator.snapshot()).keys;
    await rotator.flushed();
    const before = readFileSync(path, "utf8");
    mkdirSync(`${path}.tmp`);
    writeFileSync(join(`${path}.tmp`, "in the way"), "");
    rotator.disable(first?.id as string);
    const error: unknown = await rotator.flushed().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_KEY_STORE", cause: { code: "ERR_STATE_FILE", problem: "unsaved" } });
    expect(lines.filter(([message]) => message === "internal-error")[0]?.[1]).toMatchObject({ part: "keyStore" });
    expect(readFileSync(path, "utf8")).toBe(before);
    const lease = await rotator.acquire();
    expect(lease.keyId).not.toBe(first?.id);
    lease.settle({ outcome: "success" });
    rmSync(`${path}.tmp`, { recursive: true });
    await rotator.flushed();
    expect(readFileSync(path, "utf8")).toContain('"enabled":false');
  });

  it("does not write over what another process has taken", async () => {
    const store = open();
    await store.apply({ put: [record], drop: [] }, store.load().version);
    const text = readFileSync(path, "utf8");
    const lock = JSON.parse(readFileSync(`${path}.lock`, "utf8")) as object;
    writeFileSync(`${path}.lock`, JSON.stringify({ ...lock, token: "another's" }));
    const change = store.apply({ put: [{ ...record, id: "b", ordinal: 2 }], drop: [] }, store.load().version);
    await expect(change).rejects.toMatchObject({ problem: "in_use" });
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(store.load().records).toHaveLength(1);
    await store.close();
    expect(existsSync(`${path}.lock`)).toBe(true);
  });

  it("says so when somebody changes keys after it was closed", async () => {
    const store = open();
    await store.close();
    await expect(store.apply({ put: [record], drop: [] }, store.load().version)).rejects.toMatchObject({
      problem: "unsaved",
    });
    await store.close();
  });

  it("does not show what it keeps when it is printed", async () => {
    const secret = newSecret();
    const store = open({ storeSecrets: true });
    await store.apply({ put: [{ ...record, given: { secret } }], drop: [] }, store.load().version);
    expectNoSecrets([inspect(store, { depth: null, showHidden: true }), JSON.stringify(store)], [secret]);
  });

  it("is taken by createRotatingFetch", async () => {
    const fetch = createRotatingFetch({ keys: newSecrets(1), baseURL: "http://127.0.0.1:9", keyStore: open() });
    fetch.rotator.add({ id: "mine", secret: newSecret() });
    await fetch.rotator.close();
    expect(readFileSync(path, "utf8")).toContain('"id":"mine"');
  });
});
