import { defineProvider } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { type Answering, chatUrl, limited, networkError, ok, post, refusal, rig } from "./fixture.ts";

const bound = defineProvider({ extends: "openai", name: "merchants", bindsToAccount: true });

describe("Provider.bindsToAccount", () => {
  const asked = async (answer: Answering): Promise<readonly number[]> => {
    const { fetch, clock, keysUsed } = rig(answer, { provider: bound, keyCount: 3 });
    const call = fetch(chatUrl, { ...post(), headers: { "idempotency-key": "once" } }).catch(() => undefined);
    await clock.advance(120_000);
    await call;
    return keysUsed();
  };

  it.each<[string, Answering]>([
    ["a limit", () => limited({ "retry-after": "2" })],
    ["a limit without end", () => limited()],
    ["a spent balance", () => refusal(429, "insufficient_quota")],
    ["trouble", () => refusal(503)],
    ["a broken connection", () => Promise.reject(networkError("ECONNRESET"))],
    ["what nobody understands", () => refusal(418)],
  ])("keeps a request from other accounts after %s", async (_what, answer) => {
    expect(new Set(await asked(answer))).toEqual(new Set([0]));
  });

  it("waits a limit out, and is served by the account that it was sent with", async () => {
    expect(await asked((_sent, number) => (number === 1 ? limited({ "retry-after": "2" }) : ok()))).toEqual([0, 0]);
  });

  it("goes on where a credential is refused, for nothing was done with it", async () => {
    expect(await asked((_sent, number) => (number === 1 ? refusal(401, "invalid_api_key") : ok()))).toEqual([0, 1]);
  });

  it("asks any account for the next request", async () => {
    const { fetch, keysUsed } = rig(ok, { provider: bound, keyCount: 3 });
    for (let sent = 0; sent < 3; sent++) await fetch(chatUrl, post());
    expect(keysUsed()).toEqual([0, 1, 2]);
  });
});
