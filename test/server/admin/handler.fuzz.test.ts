import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../support/runs.ts";
import { type Rig, rig } from "./fixture.ts";

const paths = [
  "/api/channel/multi-key/settings",
  "/api/channel/keys/import",
  "/api/channel/keys/toggle",
  "/api/channel/keys/batch-toggle",
  "/api/channel/keys/batch-toggle-by-batch",
  "/api/keys",
  "/api/keys/check",
  "/api/keys/0",
  "/api/keys/0/secret",
  "/api/keys/0/check",
];
const fields = [
  "channel_id",
  "key_index",
  "key_indices",
  "key_id",
  "enabled",
  "mode",
  "keys",
  "batch_id",
  "secret",
  "weight",
];

/** Bodies with the right names and any values, some of which fit. */
const body = fc.dictionary(
  fc.constantFrom(
    ...fields,
    "is_multi_key",
    "key_selection_mode",
    "account",
    "models",
    "probe",
    "overlapMs",
    "__proto__",
  ),
  fc.oneof(fc.constantFrom(0, 1, true, false, "1", "append", null), fc.jsonValue(), fc.array(fc.jsonValue())),
);

const segment = fc.oneof(
  fc.constantFrom("api", "keys", "channel", "1", "0", "stats", "details", "..", "%2e%2e", "%00"),
  fc.webSegment(),
);

async function isSound({ call }: Pick<Rig, "call">, path: string, init: Parameters<Rig["call"]>[1]): Promise<void> {
  const response = await call(path, init);
  const text = await response.text();
  expect(response.status, text).not.toBe(500);
  if (response.headers.get("content-type")?.startsWith("application/json")) JSON.parse(text);
}

describe("an admin handler", () => {
  it("answers any body in JSON, and never fails for a reason of its own", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.constantFrom("POST", "PUT", "PATCH"), body, (path, method, sent) =>
        isSound(rig({ keys: 2 }), path, { method, body: sent }),
      ),
      { numRuns: runs(300) },
    );
  });

  it("answers any path and query so", async () => {
    const made = rig();
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 6 }), fc.webQueryParameters(), (segments, query) =>
        isSound(made, `/${segments.join("/")}?${query}`, {}),
      ),
      { numRuns: runs(300) },
    );
  });
});
