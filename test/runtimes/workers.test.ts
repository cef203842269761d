import { describe, expect, inject, it } from "vitest";
import { binaryOr, testSuite } from "./outcome-tests.ts";
import { findWorkerd } from "./runtimes.ts";
import type { Outcome } from "./suite/environment.ts";
import { through, told, withWorker } from "./worker-process.ts";

const project = inject("userProject");
const found = findWorkerd();

describe("Workers", () => {
  testSuite(found, (binary) =>
    withWorker({ binary, project, name: "worker" }, async ({ url }) => {
      const response = await fetch(`${url}/suite`);
      if (response.status !== 200) throw new Error(await response.text());
      return (await response.json()) as readonly Outcome[];
    }),
  );

  it("go to the next key with a fetch made in module scope, and remember for the next request which one cools down", async (context) => {
    await withWorker({ binary: binaryOr(context, found), project, name: "worker" }, async (worker) => {
      for (let call = 0; call < 2; call++) {
        expect(await through(worker, "rotating", "echo/module")).toBe('{"role":"good","method":"GET"}');
      }
      const roles = (await told(worker, "arrivals", "echo/module")).map(({ credentials }) => credentials[0]?.role);
      expect(roles).toEqual(["limited", "good", "good"]);
    });
  });
});
