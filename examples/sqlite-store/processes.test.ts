import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createProviderEmulator, type ProviderEmulator } from "rotating-fetch/testing";
import { afterEach, describe, expect, it } from "vitest";
import { runCrew } from "./crew.ts";

const limits = [
  { id: "requests", requests: 12, per: 1000, scope: "key" },
  { id: "places", concurrency: 3, scope: "key" },
] as const;
const keys = ["first", "second"].map((id) => ({ id, account: id, secret: `test-${randomBytes(16).toString("hex")}` }));
const known = keys.map(({ account, secret }) => ({ account, secret, always: { delayMs: 20 } }));

let directory: string | undefined;
let emulator: ProviderEmulator | undefined;

afterEach(async () => {
  await emulator?.stop();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

describe("SqliteStore in two processes", () => {
  it("exceeds no limit of a strict provider together, and has all requests served", async () => {
    directory = mkdtempSync(join(tmpdir(), "rotating-fetch-sqlite-"));
    emulator = createProviderEmulator({ keys: known, limits });
    await emulator.start();
    const path = join(directory, "limits.db");
    const orders = { path, baseURL: emulator.baseURL, keys, limits, requests: 40, atOnce: 8 };
    expect(await runCrew(2, orders)).toEqual([
      { served: 40, refused: 0 },
      { served: 40, refused: 0 },
    ]);
    expect(emulator.arrivals).toHaveLength(80);
    expect(emulator.refusals()).toEqual([]);
  });
});

describe("main.ts", () => {
  it("shows two processes that the provider refuses nothing", async () => {
    const main = spawn(process.execPath, ["--import", "tsx", "main.ts"], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [shown, [code]] = await Promise.all([text(main.stdout), once(main, "exit")]);
    expect(shown).toContain("process 1: 40 of 40 served\nprocess 2: 40 of 40 served\n");
    expect(shown).toContain(" 0 requests refused by the provider");
    expect(code).toBe(0);
  });
});
