import { describe, expect, it } from "vitest";
import { createProxyHandler } from "../../src/index.ts";
import { newSecret } from "../support/test-keys.ts";
import { chatUrl, limited, ok, post, rig } from "./fixture.ts";

/** Two accounts of two keys each, at one provider, and one of another's that has the name of the first. */
function accounts() {
  return [
    { secret: newSecret(), id: "a1", account: "a" },
    { secret: newSecret(), id: "a2", account: "a" },
    { secret: newSecret(), id: "b1", account: "b" },
    { secret: newSecret(), id: "other", account: "a", provider: "groq" as const, baseURL: chatUrl },
  ];
}

function pool(answer: Parameters<typeof rig>[0] = ok, options: Parameters<typeof rig>[1] = {}) {
  const made = rig(answer, { keys: accounts(), provider: "openai", maxWaitMs: 0, ...options });
  const served: string[] = [];
  made.rotator.on("key-selected", ({ keyId }) => served.push(keyId));
  return { ...made, served };
}

const ask = (fetch: typeof globalThis.fetch) => fetch(chatUrl, post());

describe("calls made with({ account, provider })", () => {
  it("are served by that account's keys alone", async () => {
    const { fetch, served } = pool();
    for (let count = 0; count < 6; count++) await ask(fetch.with({ account: "a", provider: "openai" }));
    expect(new Set(served)).toEqual(new Set(["a1", "a2"]));
  });

  it("are served by that provider's keys alone", async () => {
    const { fetch, served } = pool();
    for (let count = 0; count < 4; count++) await ask(fetch.with({ provider: "groq" }));
    expect(new Set(served)).toEqual(new Set(["other"]));
  });

  it("are refused where no key is of these, and nothing is sent", async () => {
    const { fetch, sent } = pool();
    for (const options of [{ account: "c" }, { provider: "mistral" }, { account: "b", provider: "groq" }]) {
      expect((await ask(fetch.with(options))).status).toBe(503);
    }
    expect(sent).toEqual([]);
  });

  it("are told when that account is back, whoever else is sooner", async () => {
    const { fetch, sent } = pool(({ headers }) => limited({ "retry-after": headers.get("x-wait") ?? "90" }));
    const wait = (seconds: string): RequestInit => ({ ...post(), headers: { "x-wait": seconds } });
    await fetch.with({ account: "b" })(chatUrl, wait("40"));
    await fetch.with({ account: "a", provider: "openai" })(chatUrl, wait("7"));
    const answer = await ask(fetch.with({ account: "b" }));
    expect(answer.status).toBe(429);
    expect(Math.abs(Number(answer.headers.get("retry-after")) - 40)).toBeLessThan(2);
    expect(sent.length).toBeLessThanOrEqual(3);
    const soonest = (await ask(fetch.with({ provider: "openai" }))).headers.get("retry-after");
    expect(Math.abs(Number(soonest) - 7)).toBeLessThan(2);
  });

  it("wait for that account", async () => {
    const { fetch, clock, served } = pool(ok, { maxWaitMs: 5000, limits: [{ requests: 1, per: 1000 }] });
    const pinned = fetch.with({ account: "b" });
    await ask(pinned);
    const next = ask(pinned);
    await clock.advance(1500);
    expect((await next).status).toBe(200);
    expect(served).toEqual(["b1", "b1"]);
  });

  it("count and cool with all others: what a pinned call was refused holds for any", async () => {
    const { fetch, served } = pool((_sent, number) => (number === 1 ? limited({ "retry-after": "60" }) : ok()));
    await ask(fetch.with({ account: "b" }));
    served.length = 0;
    for (let count = 0; count < 8; count++) await ask(fetch.with({ provider: "openai" }));
    expect(served).not.toContain("b1");
  });

  it("are decided by a proxy's authorize as well", async () => {
    const keys = accounts().slice(0, 3);
    const used: number[] = [];
    const handle = createProxyHandler({
      provider: "openai",
      target: "http://provider.test/v1",
      keys,
      authorize: ({ header }) => ({ options: { account: header("x-team") ?? "nobody" } }),
      maxWaitMs: 0,
      fetch: async (_url, init) => {
        const secret = new Headers(init?.headers).get("authorization")?.slice("Bearer ".length);
        used.push(keys.findIndex((key) => key.secret === secret));
        return Response.json({});
      },
    });
    const send = (team: string) => handle(new Request("http://proxy.test/models", { headers: { "x-team": team } }));
    for (let count = 0; count < 3; count++) expect((await send("b")).status).toBe(200);
    expect(used).toEqual([2, 2, 2]);
    expect((await send("c")).status).toBe(503);
  });

  it("are refused with something else than names", () => {
    const { fetch } = pool();
    expect(() => fetch.with({ account: 5 as unknown as string })).toThrow("`with.account`");
    expect(() => fetch.with({ provider: "" })).toThrow("`with.provider`");
  });
});
