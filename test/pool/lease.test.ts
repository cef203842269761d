import { inspect } from "node:util";
import { expect, it } from "vitest";
import { KeyRotator } from "../../src/index.ts";

const secret = "sk-secret-of-the-lease";

it("is nothing but what it is about as JSON, and has no secret when it is inspected", async () => {
  const rotator = new KeyRotator({
    keys: [{ secret, id: "a", account: "acme" }],
    limits: [
      { requests: 10, per: "minute" },
      { tokens: 1000, per: "minute" },
    ],
  });
  const lease = await rotator.acquire({ model: "m" });
  const shown = { keyId: "a", account: "acme", startedAt: lease.startedAt, waitedMs: 0 };
  expect(JSON.parse(JSON.stringify(lease))).toEqual({ ...shown, settled: false });
  expect(inspect(lease, { depth: 10, showHidden: true })).not.toContain(secret);
  lease.settle({ outcome: "success" });
  expect(JSON.parse(JSON.stringify(lease))).toEqual({ ...shown, settled: true });
  await rotator.close();
});
