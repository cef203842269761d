import { readdirSync, readFileSync } from "node:fs";
import { createRotatingFetch, defineProvider, InvalidOptionsError, type ProviderName } from "rotating-fetch";
import * as entry from "rotating-fetch/providers";
import { braveSearch, etherscan, stripe, youtubeData } from "rotating-fetch/providers";
import { describe, expect, it } from "vitest";
import type { Provider } from "../../../src/judgement/provider.ts";
import { providers } from "../../../src/named/presets.ts";
import { networkError, ok, rig, type Sent } from "../../fetch/fixture.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";

const folder = new URL("../../../src/judgement/providers/services/", import.meta.url);
const named = new Set(providers.map(({ name }) => name));
const services = Object.values(entry).filter(
  (one): one is Provider => typeof one === "object" && "origins" in one && !named.has(one.name),
);
const placed = services.filter(({ baseURL }) => baseURL !== undefined);

/** What a preset's pool asks when it checks its keys. */
async function asked(provider: Provider, answer: unknown) {
  const urls: string[] = [];
  const { rotator } = createRotatingFetch({
    provider,
    keys: [newSecret()],
    fetch: async (url: string) => {
      urls.push(url);
      return Response.json(answer);
    },
  });
  const { keys } = await rotator.check();
  return { verdict: keys[0]?.verdict, url: urls[0]?.replace(/apikey=[^&]*/, "apikey=…") };
}

describe("presets beyond chat", () => {
  it("are a file each, with its sources", () => {
    const files = readdirSync(folder);
    expect(files.map((file) => file.replace(".ts", ""))).toEqual(services.map(({ name }) => name).sort());
    for (const file of files) {
      expect(readFileSync(new URL(file, folder), "utf8"), file).toMatch(/^ \* https:\/\/\S+/m);
    }
  });

  it("are in the table of docs/providers.md, with their tiers", () => {
    const text = readFileSync(new URL("../../../docs/providers.md", import.meta.url), "utf8");
    const camelCase = (name: string): string => name.replace(/-./g, ([, letter = ""]) => letter.toUpperCase());
    for (const { name, tiers = {} } of services) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${camelCase(name)}\` |`));
      const listed = [
        ...(row
          ?.split("|")
          .at(-2)
          ?.matchAll(/`([\w-]+)`/g) ?? []),
      ].map(([, tier]) => tier);
      expect([row === undefined, listed], name).toEqual([false, Object.keys(tiers)]);
    }
  });

  it.each(services)("can be what a provider of one's own is built on: $name", (preset) => {
    expect(defineProvider({ extends: { ...preset } })).toEqual(preset);
  });

  it.each(placed)("are found by no name and no address: $name", ({ name, baseURL = "" }) => {
    const keys = [newSecret()];
    expect(() => createRotatingFetch({ keys, provider: name as ProviderName })).toThrow(InvalidOptionsError);
    expect(createRotatingFetch({ keys, baseURL }).rotator.provider.name).toBe("generic");
  });

  it.each([
    ["tavily", "authorization", "Bearer "],
    ["brave-search", "x-subscription-token", ""],
    ["serper", "x-api-key", ""],
    ["exa", "x-api-key", ""],
    ["firecrawl", "authorization", "Bearer "],
    ["elevenlabs", "xi-api-key", ""],
    ["deepgram", "authorization", "Token "],
    ["youtube-data", "x-goog-api-key", ""],
    ["notion", "authorization", "Bearer "],
    ["stripe", "authorization", "Bearer "],
    ["replicate", "authorization", "Bearer "],
  ])("send the key where the service wants it: %s in %s", async (name, header, before) => {
    const provider = services.find((preset) => preset.name === name) as Provider;
    const { fetch, sent, secrets } = rig(ok, { provider, baseURL: provider.baseURL, keyCount: 1 });
    await fetch(`${provider.baseURL}/some/path`);
    expect(sent[0]?.headers.get(header)).toBe(`${before}${secrets[0]}`);
    expect(sent[0]?.url).toBe(`${provider.baseURL}/some/path`);
  });

  it.each([
    ["etherscan", "/api?chainid=1&apikey=mine"],
    ["alpha-vantage", "/query?function=OVERVIEW&apikey=mine"],
  ])("send it in the URL, in place of the client's: %s", async (name, path) => {
    const provider = services.find((preset) => preset.name === name) as Provider;
    const { fetch, sent, secrets } = rig(ok, { provider, baseURL: provider.baseURL, keyCount: 1 });
    await fetch(`${provider.baseURL}${path}`);
    expect(sent[0]?.url).toBe(`${provider.baseURL}${path.replace("mine", secrets[0] as string)}`);
  });

  it.each([
    ["tavily", {}, "https://api.tavily.com/usage", "good"],
    ["firecrawl", { data: { remainingCredits: 3 } }, "https://api.firecrawl.dev/v2/team/credit-usage", "good"],
    ["firecrawl", { data: { remainingCredits: 0 } }, "https://api.firecrawl.dev/v2/team/credit-usage", "no_quota"],
    ["elevenlabs", {}, "https://api.elevenlabs.io/v1/user/subscription", "good"],
    ["deepgram", { projects: [] }, "https://api.deepgram.com/v1/projects", "good"],
    ["youtube-data", {}, "https://www.googleapis.com/youtube/v3/i18nLanguages?part=snippet", "good"],
    [
      "etherscan",
      { status: "1", message: "OK", result: { creditsAvailable: 0 } },
      "https://api.etherscan.io/v2/api?chainid=1&module=getapilimit&action=getapilimit&apikey=…",
      "no_quota",
    ],
    ["notion", { object: "user" }, "https://api.notion.com/v1/users/me", "good"],
    ["stripe", { object: "balance" }, "https://api.stripe.com/v1/balance", "good"],
    ["replicate", { type: "user" }, "https://api.replicate.com/v1/account", "good"],
  ])("are checked by what costs least: %s", async (name, answer, url, verdict) => {
    const provider = services.find((preset) => preset.name === name) as Provider;
    expect(await asked(provider, answer)).toEqual({ verdict, url });
  });

  it.each(["brave-search", "serper", "exa", "alpha-vantage"])(
    "are not checked where nothing free proves a key: %s",
    async (name) => {
      const provider = services.find((preset) => preset.name === name) as Provider;
      await expect(asked(provider, {})).rejects.toThrow(InvalidOptionsError);
    },
  );
});

describe("brave-search", () => {
  const counted = (limit: string, remaining: string) => () =>
    Response.json(
      { web: { results: [] } },
      {
        headers: {
          "x-ratelimit-limit": limit,
          "x-ratelimit-remaining": remaining,
          "x-ratelimit-reset": "1, 1419704",
        },
      },
    );

  it.each([
    ["the second", "1, 15000", "0, 14000", [1000]],
    ["the month", "1, 15000", "1, 0", [1_419_704_000]],
    ["both", "1, 15000", "0, 0", [1000, 1_419_704_000]],
    ["neither, as there is no limit for a month", "50, 0", "49, 0", []],
  ])("leaves a key alone that has used up %s", async (_what, limit, remaining, rests) => {
    const { fetch, rotator } = rig(counted(limit, remaining), {
      provider: braveSearch,
      baseURL: braveSearch.baseURL,
      keyCount: 1,
    });
    const cooled: number[] = [];
    rotator.on("key-cooled", ({ forMs }) => cooled.push(forMs));
    await fetch(`${braveSearch.baseURL}/web/search?q=a`);
    expect(cooled.sort((one, other) => one - other)).toEqual(rests);
  });

  it("shows what is left of each window", async () => {
    const { fetch, rotator } = rig(counted("50, 15000", "49, 14000"), {
      provider: braveSearch,
      baseURL: braveSearch.baseURL,
      keyCount: 1,
    });
    await fetch(`${braveSearch.baseURL}/web/search?q=a`);
    const [key] = (await rotator.snapshot()).keys;
    expect(key?.learnt.map(({ window, limit, remaining }) => [window, limit, remaining])).toEqual([
      ["second", 50, 49],
      ["month", 15_000, 14_000],
    ]);
  });
});

describe("etherscan", () => {
  it("goes on to another account when an answer that says success refuses", async () => {
    const { fetch, sent } = rig(
      ({ url }, number) => {
        expect(url).toContain("apikey=");
        return number === 1
          ? Response.json({ status: "0", message: "NOTOK", result: "Max calls per sec rate limit reached (3/sec)" })
          : Response.json({ status: "1", message: "OK", result: "1" });
      },
      { provider: etherscan, baseURL: etherscan.baseURL },
    );
    const answer = await fetch(`${etherscan.baseURL}/api?chainid=1&module=stats&action=ethsupply`);
    expect([await answer.json(), sent.length]).toEqual([{ status: "1", message: "OK", result: "1" }, 2]);
  });
});

describe("youtube-data", () => {
  const spent = { message: "You have exceeded your quota.", domain: "youtube.quota", reason: "quotaExceeded" };

  it("leaves videos to a project whose searches are used up", async () => {
    const { fetch, sent } = rig(
      ({ url }) =>
        url.includes("/search")
          ? Response.json({ error: { code: 403, message: spent.message, errors: [spent] } }, { status: 403 })
          : ok(),
      { provider: youtubeData, baseURL: youtubeData.baseURL, keyCount: 1 },
    );
    const statuses: number[] = [];
    for (const path of ["/search?q=a", "/search?q=a", "/videos?id=b"])
      statuses.push((await fetch(`${youtubeData.baseURL}${path}`)).status);
    expect([statuses, sent.map(({ url }) => new URL(url).pathname.slice(12))]).toEqual([
      [429, 429, 200],
      ["search", "videos"],
    ]);
  });
});

describe("stripe", () => {
  const refused = (status: number, error: object, headers = {}) => Response.json({ error }, { status, headers });
  const pay = (): [string, RequestInit] => [
    `${stripe.baseURL}/payment_intents`,
    { method: "POST", body: "amount=1", headers: { "idempotency-key": "once" } },
  ];
  const customers = `${stripe.baseURL}/customers`;
  const inFront = (answer: (sent: Sent, number: number) => Response | Promise<Response>) =>
    rig(answer, { provider: stripe, baseURL: stripe.baseURL, keyCount: 3 });

  it.each([
    [
      "a declined card",
      () => refused(402, { type: "card_error", code: "card_declined", message: "Your card was declined." }),
    ],
    [
      "a limit",
      () => refused(429, { type: "invalid_request_error", code: "rate_limit", message: "Too many requests." }),
    ],
    ["trouble", () => refused(500, { type: "api_error", message: "An unknown error occurred" })],
    ["a connection that broke", () => Promise.reject(networkError("ECONNRESET"))],
  ])("asks no other account after %s", async (_what, answer) => {
    const { fetch, clock, keysUsed } = inFront(answer);
    const call = fetch(...pay()).catch((error: unknown) => error);
    await clock.advance(60_000);
    await call;
    expect(new Set(keysUsed()).size).toBe(1);
  });

  it("asks another key when one is refused", async () => {
    const { fetch, keysUsed } = inFront((_sent, number) =>
      number === 1
        ? refused(401, { type: "invalid_request_error", message: "Invalid API Key provided: sk_…abcd" })
        : ok(),
    );
    expect([(await fetch(...pay())).status, keysUsed()]).toEqual([200, [0, 1]]);
  });

  it("brings what is said of a customer to the account that made it", async () => {
    const { fetch, keysUsed } = inFront(({ init }) =>
      init.method === "POST" ? Response.json({ id: "cus_NffrFeUfNV2Hib", object: "customer" }) : ok(),
    );
    await (await fetch(customers, { method: "POST", body: "name=a" })).text();
    const [made] = keysUsed();
    for (let asked = 0; asked < 4; asked++) await fetch(`${customers}/cus_NffrFeUfNV2Hib`);
    expect(keysUsed()).toEqual([made, made, made, made, made]);
  });
});
