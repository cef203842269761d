import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetch } from "../../../src/index.ts";
import { FileStore } from "../../../src/node.ts";
import { FakeClock } from "../../../src/testing/index.ts";

/**
 * Written by version 0.1.0 (`test/redis/fixtures`) on 2026-06-01, after six calls of a pool with the provider `openai` and these keys
 * and limits: `acme` served all six, `bolt` was refused for its model for two hours, and the third key's credential for half a minute.
 */
const fixture = new URL("./fixtures/state-0.1.0.json", import.meta.url);
const savedAt = 1_780_315_206_000;
const keys = [
  { id: "one", account: "acme", secret: "test-one-0001" },
  { id: "two", account: "bolt", secret: "test-two-0002" },
  { id: "three", account: "a/b", secret: "test-three-0003" },
];
const limits = [
  { requests: 100, per: "day", scope: "account" },
  { requests: 20, per: "hour" },
  { tokens: 5000, per: "hour", scope: "account" },
  { requests: 50, per: "hour", scope: "account", models: "gpt-4o" },
] as const;

let directory: string;
let path: string;
const opened: RotatingFetch[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotating-fetch-older-"));
  path = join(directory, "state.json");
  copyFileSync(fixture, path);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ rotator }) => rotator.close().catch(() => undefined)));
  rmSync(directory, { recursive: true, force: true });
});

/** A process that starts so long after the file was written. */
function start(afterMs: number): { fetch: RotatingFetch; asked: string[] } {
  const clock = new FakeClock({ wall: savedAt + afterMs });
  const asked: string[] = [];
  const fetch = createRotatingFetch({
    provider: "openai",
    keys,
    limits,
    clock,
    store: FileStore.open({ path, clock }),
    fetch: async (_url, init) => {
      asked.push(new Headers(init?.headers).get("authorization")?.slice("Bearer test-".length) ?? "");
      return Response.json({ choices: [] });
    },
  });
  opened.push(fetch);
  return { fetch, asked };
}

async function ask({ fetch }: ReturnType<typeof start>, model = "gpt-4o"): Promise<number> {
  const body = JSON.stringify({ model, max_tokens: 50, messages: [{ role: "user", content: "Hi" }] });
  const headers = { "content-type": "application/json" };
  return (await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", headers, body })).status;
}

describe("a state file of version 0.1.0", () => {
  it("is read with its counts", async () => {
    const { fetch } = start(1000);
    const { keys: shown } = await fetch.rotator.snapshot();
    const used = shown.map((key) => key.limits.map((limit) => limit.used));
    expect(used).toEqual([
      [6, 6, 180, 6],
      [1, 1, 70, 1],
      [1, 1, 70, 1],
    ]);
  });

  it("keeps what rests, by model and by credential, for a process that has asked nothing yet", async () => {
    const started = start(1000);
    for (let requests = 0; requests < 4; requests++) expect(await ask(started)).toBe(200);
    expect(new Set(started.asked)).toEqual(new Set(["one-0001"]));
    expect(await ask(started, "gpt-4o-mini")).toBe(200);
    expect(await ask(started, "gpt-4o-mini")).toBe(200);
    expect(new Set(started.asked)).toEqual(new Set(["one-0001", "two-0002"]));
    const { keys: shown } = await started.fetch.rotator.snapshot();
    expect(shown.map(({ state }) => state)).toEqual(["ready", "ready", "refused"]);
    expect(shown[1]?.cooldowns).toMatchObject([{ scope: "model:bolt|gpt-4o", endsInMs: 7_195_000 }]);
  });

  it("goes on from it under ids with the provider, and keeps what nobody asked for", async () => {
    const first = start(1000);
    expect(await ask(first)).toBe(200);
    await first.fetch.rotator.close();
    const written = JSON.parse(readFileSync(path, "utf8")) as {
      version: number;
      state: { counters: { id: string }[] };
    };
    expect(written.version).toBe(2);
    expect(written.state.counters.map(({ id }) => id)).toContain("account:openai/acme#requests-day-rolling");
    const { keys: shown } = await start(2000).fetch.rotator.snapshot();
    expect(shown.map((key) => key.limits[0]?.used)).toEqual([7, 1, 1]);
  });

  it("forgets what has left its window since", async () => {
    const { keys: shown } = await start(2 * 3_600_000).fetch.rotator.snapshot();
    expect(shown.map((key) => key.limits.map((limit) => limit.used))).toEqual([
      [6, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
  });
});
