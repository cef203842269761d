import { describe, expect, inject, it } from "vitest";
import { binaryOr } from "./outcome-tests.ts";
import { findWorkerd } from "./runtimes.ts";
import { through, told, untilWaiting, visit, withWorker } from "./worker-process.ts";

const project = inject("userProject");
const found = findWorkerd();
const good = '{"role":"good","method":"GET"}';

/** In Workers a timer, and whatever else a request began, ends with that request: nobody else may depend on it. */
describe("a pool that requests of a Worker share", () => {
  it("serves those who wait at the same time, each in a request of its own", async (context) => {
    await withWorker({ binary: binaryOr(context, found), project, name: "shared-worker" }, async (worker) => {
      const calls = Array.from({ length: 6 }, () => through(worker, "limited", "echo/shared"));
      expect(await Promise.all(calls)).toEqual(calls.map(() => good));
    });
  });

  it("serves those who wait when the one who came first has left", async (context) => {
    await withWorker({ binary: binaryOr(context, found), project, name: "shared-worker" }, async (worker) => {
      for (let call = 0; call < 2; call++) expect(await through(worker, "limited", "echo/shared")).toBe(good);
      const first = visit(worker, "limited", "echo/shared");
      await untilWaiting(worker, "limited", 1);
      const second = through(worker, "limited", "echo/shared");
      await untilWaiting(worker, "limited", 2);
      first.leave();
      expect(await second).toBe(good);
    });
  });

  const functions = [
    { what: "lists keys", pool: "listed", asks: "hangs-once/keys" },
    { what: "fetches a secret", pool: "vaulted", asks: "hangs-once/secret" },
  ];
  for (const { what, pool, asks } of functions) {
    it(`asks the function that ${what} again when the one who made it ask has left`, async (context) => {
      await withWorker({ binary: binaryOr(context, found), project, name: "shared-worker" }, async (worker) => {
        const first = visit(worker, pool, "echo/shared");
        await told(worker, "arrived", asks);
        first.leave();
        await told(worker, "closed", asks);
        expect(await through(worker, pool, "echo/shared")).toBe(good);
      });
    });
  }

  it("is refused a health check, whose rounds would end with a request", async (context) => {
    const binary = binaryOr(context, found);
    const started = withWorker({ binary, project, name: "health-worker" }, async () => "started");
    await expect(started).rejects.toThrow("InvalidOptionsError: Expected `healthCheck` to be absent on this platform");
  });
});
