import { createRotatingFetch } from "rotating-fetch";
import { FakeClock } from "rotating-fetch/testing";
import { describe, expect, it } from "vitest";

const url = "https://api.openai.com/v1/chat/completions";
const restMs = 600_000;

/** An OpenAI of several keys, each of an organization, and some of them used up. */
function openai(organizationOf: Readonly<Record<string, string>>) {
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const dry = new Set<string>();
  const asked: string[] = [];
  const fetch = createRotatingFetch({
    provider: "openai",
    keys: Object.keys(organizationOf).map((id) => ({ id, secret: `secret-of-${id}-${id}` })),
    clock,
    maxWaitMs: 0,
    fetch: async (_url, init) => {
      const secret = new Headers(init?.headers).get("authorization") ?? "";
      const id = secret.slice(secret.lastIndexOf("-") + 1);
      asked.push(id);
      if (!dry.has(id)) return new Response("{}");
      const message = `Rate limit reached for m in organization org-${organizationOf[id]} on requests per min (RPM): Limit 3.`;
      const headers = { "retry-after": String(restMs / 1000) };
      return Response.json(
        { error: { message, type: "requests", code: "rate_limit_exceeded" } },
        { status: 429, headers },
      );
    },
  });
  const call = async (): Promise<number> => (await fetch(url, { method: "POST", body: '{"model":"m"}' })).status;
  return { fetch, call, dry, asked, clock };
}

describe("AccountInference", () => {
  it("rests all keys of an organization when one of them runs dry, once the provider named it for both", async () => {
    const { fetch, call, dry, asked, clock } = openai({ a: "acme", b: "acme", c: "other" });
    const joined: unknown[] = [];
    fetch.rotator.on("accounts-merged", ({ accounts }) => joined.push(accounts));
    dry.add("a").add("b");
    await call();
    await call();
    expect(joined).toEqual([["a", "b"]]);
    expect((await fetch.rotator.snapshot()).inferredAccounts).toEqual([{ evidence: "org-acme", accounts: ["a", "b"] }]);
    await clock.advance(restMs + 1000);
    asked.length = 0;
    for (let count = 0; count < 6; count++) expect(await call()).toBe(200);
    // One of the two asks and is refused for both.
    expect(asked.filter((id) => id !== "c")).toHaveLength(1);
  });

  it("parts them when one works while the other is used up", async () => {
    const { fetch, call, dry, clock } = openai({ a: "acme", b: "acme" });
    const parted: unknown[] = [];
    fetch.rotator.on("accounts-split", ({ accounts }) => parted.push(accounts));
    dry.add("a").add("b");
    await call();
    await clock.advance(restMs + 1000);
    dry.delete("b");
    // The one that is used up takes the other with it, until a re-check shows better.
    const statuses = [await call(), await call(), await call()];
    expect(statuses).toContain(429);
    expect(parted).toEqual([]);
    await clock.advance(restMs / 4 + 1000);
    expect(await call()).toBe(200);
    expect(parted).toEqual([["a", "b"]]);
    expect([await call(), await call()]).toEqual([200, 200]);
    expect((await fetch.rotator.snapshot()).inferredAccounts).toEqual([]);
  });

  it("never joins ten equal keys that run dry together", async () => {
    const ids = Object.fromEntries(Array.from({ length: 10 }, (_, place) => [`k${place}`, `own${place}`]));
    const { fetch, call, dry } = openai(ids);
    for (const id of Object.keys(ids)) dry.add(id);
    await call();
    expect((await fetch.rotator.snapshot()).inferredAccounts).toEqual([]);
  });
});
