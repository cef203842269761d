/** Two processes, two keys, one set of limits in one SQLite file: `npx tsx examples/sqlite-store/main.ts`. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProviderEmulator } from "rotating-fetch/testing";
import { runCrew } from "./crew.ts";

const limits = [{ id: "requests", requests: 10, per: 1000, scope: "key" }] as const;
const keys = ["first", "second"].map((id) => ({ id, account: id, secret: `demo-${randomBytes(16).toString("hex")}` }));
const known = keys.map(({ account, secret }) => ({ account, secret }));
const directory = mkdtempSync(join(tmpdir(), "rotating-fetch-sqlite-"));
const emulator = createProviderEmulator({ keys: known, limits });
await emulator.start();
try {
  const path = join(directory, "limits.db");
  const orders = { path, baseURL: emulator.baseURL, keys, limits, requests: 40, atOnce: 5 };
  console.log("2 processes, 40 requests each; the provider takes 10 a second from each of 2 keys");
  const startedAt = performance.now();
  const done = await runCrew(2, orders);
  const seconds = (performance.now() - startedAt) / 1000;
  for (const [place, { served }] of done.entries()) console.log(`process ${place + 1}: ${served} of 40 served`);
  console.log(`${seconds.toFixed(1)} s, ${emulator.refusals().length} requests refused by the provider`);
} finally {
  await emulator.stop();
  rmSync(directory, { recursive: true, force: true });
}
