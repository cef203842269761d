import { readFileSync } from "node:fs";
import { createRotatingFetch, type RotatingFetchOptions } from "rotating-fetch";
import { FakeClock } from "rotating-fetch/testing";
import { describe, expect, it } from "vitest";
import { CountingStore } from "../../examples/extending/counting-store.ts";
import { gentlest } from "../../examples/extending/gentlest.ts";
import { house } from "../../examples/extending/house-provider.ts";
import { OriginBreaker } from "../../examples/extending/origin-breaker.ts";

const at = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = at("docs/extending.md");
const snippets = [...page.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, file, text]) => ({
  file: file as string,
  text: text as string,
}));

describe("docs/extending.md", () => {
  it.each(snippets)("shows of $file what stands there", ({ file, text }) => {
    expect(at(`examples/extending/${file}`)).toBe(text);
  });

  it("has no other code", () => {
    expect(snippets).toHaveLength(4);
    expect(page.match(/^```/gm)).toHaveLength(2 * snippets.length);
  });
});

/** A fetch over a stub, and the hosts and keys that were asked. */
function pool(options: Partial<RotatingFetchOptions>, answer: (url: URL) => Response = () => new Response("{}")) {
  const asked: string[] = [];
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const fetch = createRotatingFetch({
    keys: ["sk-one-0001", "sk-two-0002"],
    baseURL: "https://llm.example.com/v1",
    clock,
    retries: 0,
    maxWaitMs: 0,
    ...options,
    fetch: async (url, init) => {
      asked.push(`${new URL(url).host} ${new Headers(init?.headers).get("authorization")}`);
      return answer(new URL(url));
    },
  });
  return { fetch, asked, clock, call: async () => (await fetch("https://llm.example.com/v1/models")).status };
}

describe("examples/extending", () => {
  it("has an observer that leaves an origin alone which fails", async () => {
    const keys = [
      { secret: "sk-eu-0001", baseURL: "https://eu.example.com" },
      { secret: "sk-us-0002", baseURL: "https://us.example.com" },
    ];
    const isDown = (url: URL): Response => new Response("{}", { status: url.host.startsWith("eu") ? 500 : 200 });
    const { asked, call } = pool({ keys, observers: [new OriginBreaker()] }, isDown);
    for (let count = 0; count < 8; count++) await call();
    asked.length = 0;
    for (let count = 0; count < 4; count++) expect(await call()).toBe(200);
    expect(asked.filter((line) => line.startsWith("eu"))).toEqual([]);
  });

  it("has a strategy that spreads requests under way", async () => {
    const { asked, call } = pool({ strategy: gentlest });
    await Promise.all([call(), call(), call(), call()]);
    expect(asked.filter((line) => line.includes("one"))).toHaveLength(2);
  });

  it("has a provider whose headers are learnt from", async () => {
    const spent = { headers: { "x-left": "0", "x-reset": "30" } };
    const { fetch, call } = pool({ provider: house }, () => new Response("{}", spent));
    expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
    expect((await fetch.rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["cooling", "cooling"]);
  });

  it("has a store that counts its refusals", async () => {
    const clock = new FakeClock({ monotonic: 1_000_000 });
    const store = new CountingStore({ clock });
    const { call, fetch } = pool({ store, clock, limits: [{ requests: 1, per: "minute" }] });
    expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
    await fetch.rotator.explain();
    expect(store.refusals).toBeGreaterThanOrEqual(2);
  });
});
