import { describe, expect, it } from "vitest";
import { chatUrl, limited, post, type RigOptions, refusal, rig, type Sent } from "../fetch/fixture.ts";
import { newSecret } from "../support/test-keys.ts";

const dead: Readonly<Record<string, () => Response>> = {
  "a revoked key": () => refusal(401, "invalid_api_key"),
  "a revoked key under 400": () => refusal(400, "invalid_api_key"),
  "a spent account": () => refusal(429, "insufficient_quota"),
  "a spent account under 402": () =>
    Response.json({ error: { message: "Your balance is used up.", code: null } }, { status: 402 }),
  "a suspended account": () =>
    Response.json({ error: { message: "Your account has been suspended.", code: null } }, { status: 403 }),
};

const hour = { "retry-after": "3600" };

async function told(fetch: (url: string, init: RequestInit) => Promise<Response>) {
  const response = await fetch(chatUrl, post());
  const { error } = await response.json();
  return { status: response.status, code: error.code, seconds: Number(response.headers.get("retry-after")) };
}

function pool(roles: readonly ((sent: Sent) => Response)[], options: RigOptions = {}) {
  const byKey = (sent: Sent): Response => (roles[sent.key] as (sent: Sent) => Response)(sent);
  return rig(byKey, { keyCount: roles.length, provider: "generic", maxWaitMs: 0, ...options });
}

describe("the exhausted answer of a pool in several states", () => {
  for (const [what, refuse] of Object.entries(dead)) {
    for (const order of ["after", "before"] as const) {
      it(`is the limited key's, with ${what} ${order} it`, async () => {
        const limit = (): Response => limited(hour);
        const { fetch, clock, rotator } = pool(order === "after" ? [limit, refuse] : [refuse, limit]);
        for (let call = 1; call <= 3; call++) {
          const { status, code, seconds } = await told(fetch);
          expect([status, code]).toEqual([429, "rate_limit_exceeded"]);
          expect(seconds).toBeGreaterThan(3_500);
          expect(seconds).toBeLessThanOrEqual(3_601);
          await clock.advance(10_000);
        }
        const error = await Promise.resolve(rotator.acquire({ maxWaitMs: 0 } as never)).catch((thrown) => thrown);
        expect(error.retryAfterMs).toBeGreaterThan(3_500_000);
      });
    }

    it(`is the declared limit's, with ${what} beside it`, async () => {
      const serve = (): Response => Response.json({ fine: true });
      const limits = [{ requests: 2, per: "hour" }] as const;
      const { fetch } = pool([serve, refuse], { strategy: "fill_first", limits });
      for (let call = 1; call <= 2; call++) expect((await fetch(chatUrl, post())).status).toBe(200);
      for (let call = 1; call <= 2; call++) {
        const { status, code, seconds } = await told(fetch);
        expect([status, code]).toEqual([429, "rate_limit_exceeded"]);
        expect(seconds).toBeGreaterThan(3_500);
      }
    });

    it(`is the limited key's, with ${what} in the same account`, async () => {
      const secrets = [newSecret(), newSecret()];
      const isFirst = ({ headers }: Sent): boolean =>
        headers.get("authorization")?.endsWith(secrets[0] as string) === true;
      const { fetch } = rig((sent) => (isFirst(sent) ? limited(hour) : refuse()), {
        keys: secrets.map((secret) => ({ secret, account: "one" })),
        provider: "generic",
        maxWaitMs: 0,
      });
      for (let call = 1; call <= 3; call++) await fetch(chatUrl, post());
      const { status, seconds } = await told(fetch);
      expect(status).toBe(429);
      if (what.includes("key")) expect(seconds).toBeGreaterThan(3_500);
    });

    it(`is that of ${what} where nothing else is left`, async () => {
      const { fetch } = pool([refuse, refuse]);
      expect((await told(fetch)).status).toBe(refuse().status);
    });
  }

  it("is a spent account's where the provider says when it is back", async () => {
    const back = (): Response => refusal(429, "insufficient_quota", { "retry-after": "600" });
    const { fetch } = pool([back, () => limited(hour)]);
    expect((await told(fetch)).seconds).toBeLessThanOrEqual(601);
  });

  it("tells no time where only a release helps, whatever becomes of a revoked key", async () => {
    const open = (): Response => new Response(new ReadableStream());
    const revoked = (): Response => refusal(401, "invalid_api_key");
    const { fetch } = pool([open, revoked], { strategy: "fill_first", limits: [{ concurrency: 1 }] });
    await fetch(chatUrl, post());
    const second = await fetch(chatUrl, post());
    expect([second.status, second.headers.get("retry-after")]).toEqual([429, null]);
  });
});
