import { describe, expect, it } from "vitest";
import { expectNoSecrets } from "../../../src/testing/index.ts";
import { newSecret, newSecrets } from "../../support/test-keys.ts";
import { type CallInit, readToken, rig, use, writeToken } from "./fixture.ts";

describe("answers of an admin handler", () => {
  it("hold no secret and no token, whatever is asked", async () => {
    const { call, rotator, ids, secrets } = rig({ pool: { limits: [{ requests: 20 }] } });
    const imported = newSecrets(3);
    const bad = `${newSecret()} with a space`;
    const [replacement, known] = [newSecret(), secrets[0]];
    const calls: readonly (readonly [string, CallInit?])[] = [
      ["/api/channel/keys/import", { body: { channel_id: 1, keys: [imported[0], bad, imported[0]], mode: 1 } }],
      ["/api/channel/keys/import", { body: { channel_id: 1, keys: [bad], mode: 0 } }],
      [
        "/api/keys",
        {
          body: {
            keys: [
              { secret: imported[1], account: imported[1] },
              { secret: imported[2], weight: imported[2] },
            ],
          },
        },
      ],
      ["/api/keys", { body: { keys: { secret: bad } } }],
      ["/api/keys", { body: { [bad]: 1 } }],
      ["/api/keys/0/secret", { method: "PUT", body: { secret: replacement } }],
      ["/api/keys/1/secret", { method: "PUT", body: { secret: replacement } }],
      ["/api/keys/1/secret", { method: "PUT", body: { secret: bad } }],
      ["/api/channel/keys/toggle", { body: { channel_id: bad, key_index: 0, enabled: true } }],
      ["/api/channel/keys/toggle", { body: { channel_id: 1, key_id: known, enabled: true } }],
      [`/api/keys/${known}`],
      [`/api/${known}`],
      [`/api/keys?${known}=1`],
      ["/api/keys/0", { method: "PATCH", body: { weight: known } }],
      ["/api/keys", { token: known ?? "" }],
      ["/api/keys"],
      ["/api/channel/1/keys/details"],
      ["/api/channel/1/keys/stats"],
      ["/api/channels"],
      ["/api/v1/keys/status"],
      ["/stats"],
      ["/metrics"],
      ["/api/explain?model=m"],
      ["/api/forecast"],
      ["/api/events"],
    ];
    await use(rotator, 3);
    await rotator.cooldown(ids[2] as string, 1000);
    const all = [...secrets, ...imported, bad, replacement, writeToken, readToken];
    for (const [path, init] of calls) {
      const response = await call(path, init);
      const text = await response.text();
      expect(response.status, `${path}: ${text}`).not.toBe(500);
      // A mask shows up to a third: only what is more than that is found.
      expectNoSecrets({ path: path.includes(known ?? "") ? "" : path, text, response }, all);
    }
  });
});
