import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import {
  createProviderEmulator,
  FakeClock,
  insufficientQuota,
  openaiError,
  rateLimited,
  type Step,
  unauthorized,
} from "../../src/testing/index.ts";
import { limited, networkError, ok, post, refusal, rig, type Sent } from "../fetch/fixture.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const forModel = (model: string): RequestInit => post(JSON.stringify({ model, messages: [] }));

/** An emulated OpenAI with keys "a", "b", … whose accounts are given. */
async function openai(accounts: readonly string[], options: Partial<RotatingFetchOptions> = {}) {
  const names = accounts.map((_, place) => String.fromCharCode(97 + place));
  const secrets = names.map(newSecret);
  const keys = secrets.map((secret, place) => ({ secret, name: names[place] as string }));
  const { clock } = options;
  const emulator = await startEmulator({ keys, ...(clock === undefined ? {} : { clock }) });
  const fetch = createRotatingFetch({
    provider: "openai",
    baseURL: emulator.baseURL,
    keys: keys.map(({ secret, name }, place) => ({ id: name, secret, account: accounts[place] })),
    random: () => 0.5,
    ...options,
  });
  const send = async (model = "gpt-x"): Promise<number> => {
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat("rotating", { model }));
    await response.text();
    return response.status;
  };
  const script = (name: string, ...steps: Parameters<ReturnType<typeof emulator.key>["script"]>) =>
    emulator.key(secrets[names.indexOf(name)] as string).script(...steps);
  return { emulator, fetch, send, script, used: () => emulator.arrivals.map(({ keyName }) => keyName) };
}

function cooled({ rotator }: { readonly rotator: RotatingFetch["rotator"] }): { scope: string; forMs: number }[] {
  const seen: { scope: string; forMs: number }[] = [];
  rotator.on("key-cooled", ({ scope, forMs }) => seen.push({ scope, forMs }));
  return seen;
}

async function states({ rotator }: { readonly rotator: RotatingFetch["rotator"] }): Promise<string[]> {
  return (await rotator.snapshot()).keys.map(({ state }) => state);
}

describe("keys of one account", () => {
  it.each<[string, Step]>([
    ["has no money left", insufficientQuota()],
    ["is at its rate limit", rateLimited({ retryAfterSeconds: 60 })],
  ])("are not tried one after the other when the account %s", async (_what, step) => {
    const { send, script, used } = await openai(["team", "team", "other"]);
    for (const name of ["a", "b"]) script(name, [], step);
    expect([await send(), await send(), await send()]).toEqual([200, 200, 200]);
    expect(used()).toEqual(["a", "c", "c", "c"]);
  });
});

describe("a day's quota of Gemini", () => {
  const violation = {
    error: {
      code: 429,
      message: "You exceeded your current quota, please check your plan and billing details.",
      status: "RESOURCE_EXHAUSTED",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.QuotaFailure",
          violations: [
            {
              quotaMetric: "generativelanguage.googleapis.com/generate_content_free_tier_requests",
              quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
            },
          ],
        },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "25s" },
      ],
    },
  };
  const url = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions";

  it.each([
    ["on a usual day", Date.UTC(2026, 5, 15, 19, 30), Date.UTC(2026, 5, 16, 7)],
    ["on the day that has 25 hours", Date.UTC(2026, 10, 1, 7, 30), Date.UTC(2026, 10, 2, 8)],
    ["on the day that has 23 hours", Date.UTC(2026, 2, 8, 8, 30), Date.UTC(2026, 2, 9, 7)],
  ])("rests account and model until midnight in California %s", async (_when, wall, midnight) => {
    const clock = new FakeClock({ wall });
    let isSpent = true;
    const answer = ({ key }: Sent): Response =>
      key === 0 && isSpent ? Response.json(violation, { status: 429 }) : ok();
    const { fetch, sent, keysUsed } = rig(answer, { provider: "gemini", baseURL: undefined, clock });
    const rests = cooled(fetch);
    expect((await fetch(url, forModel("gemini-pro"))).status).toBe(200);
    expect(rests).toHaveLength(1);
    expect(rests[0]?.scope).toMatch(/^model:.*\|gemini-pro$/);
    expect(wall + (rests[0]?.forMs ?? 0)).toBe(midnight);

    isSpent = false;
    await clock.advance(minuteMs);
    for (let count = 0; count < 3; count++) await fetch(url, forModel("gemini-pro"));
    await clock.advance(midnight - clock.wall() - 1000);
    await fetch(url, forModel("gemini-pro"));
    expect(keysUsed()).toEqual([0, 1, 1, 1, 1, 1]);

    sent.length = 0;
    await clock.advance(2000);
    for (let count = 0; count < 2; count++) await fetch(url, forModel("gemini-pro"));
    expect(keysUsed().sort()).toEqual([0, 1]);
  });

  it("leaves the account's other models alone", async () => {
    const answer = ({ key, init }: Sent): Response =>
      key === 0 && String(init.body).includes("pro") ? Response.json(violation, { status: 429 }) : ok();
    const { fetch, sent, keysUsed } = rig(answer, { provider: "gemini", baseURL: undefined });
    await fetch(url, forModel("gemini-pro"));
    sent.length = 0;
    for (let count = 0; count < 4; count++) await fetch(url, forModel("gemini-flash"));
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });
});

describe("a model in trouble", () => {
  it.each([
    [503, openaiError("That model is currently overloaded.", "server_error", "server_is_overloaded")],
    [529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
  ])("leaves other models and every key usable (%i)", async (status, body) => {
    const answer = ({ init }: Sent): Response =>
      String(init.body).includes("busy") ? Response.json(body, { status }) : ok();
    const { fetch, clock, sent, keysUsed } = rig(answer, { keyCount: 3, retries: 0 });
    const rests = cooled(fetch);
    expect((await fetch("https://api.example.test/v1/x", forModel("busy"))).status).toBe(status);
    expect(rests.filter(({ scope }) => !scope.startsWith("provider:"))).toEqual([]);
    expect(await states(fetch)).toEqual(["ready", "ready", "ready"]);

    sent.length = 0;
    for (let count = 0; count < 3; count++) await fetch("https://api.example.test/v1/x", forModel("calm"));
    expect(keysUsed().sort()).toEqual([0, 1, 2]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("an outage of the whole provider", () => {
  it.each<[string, () => Response]>([
    ["answers 503", () => refusal(503)],
    [
      "refuses connections",
      () => {
        throw networkError("ECONNREFUSED");
      },
    ],
  ])("that %s for 30 s costs no key anything, and the first request after it is served at once", async (_how, fail) => {
    let isOut = true;
    const { fetch, clock, sent } = rig(() => (isOut ? fail() : ok()), { keyCount: 3, retries: 0 });
    const rests = cooled(fetch);
    for (let second = 0; second < 30; second++) {
      await fetch("https://api.example.test/v1/x", post()).catch(() => undefined);
      await clock.advance(1000);
    }
    expect(rests.filter(({ scope }) => !scope.startsWith("provider:"))).toEqual([]);
    expect(await states(fetch)).toEqual(["ready", "ready", "ready"]);

    isOut = false;
    sent.length = 0;
    expect((await fetch("https://api.example.test/v1/x", post())).status).toBe(200);
    expect([sent.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  it("is over at once over HTTP as well", async () => {
    const { emulator, fetch, send, used } = await openai(["one", "two"], { retries: 0 });
    emulator.outage(true);
    expect([await send(), await send(), await send()]).toEqual([503, 503, 503]);
    emulator.outage(false);
    emulator.clear();
    expect([await send(), await send()]).toEqual([200, 200]);
    expect(used().sort()).toEqual(["a", "b"]);
    expect(await states(fetch)).toEqual(["ready", "ready"]);
  });
});

describe("a rate limit of one model", () => {
  it("leaves the same key's other models usable", async () => {
    const { emulator, send, script, used } = await openai(["one", "two"]);
    const message =
      "Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 20s.";
    const tokens: Step = { status: 429, body: openaiError(message, "tokens", "rate_limit_exceeded") };
    script("a", (request) => (request.model === "gpt-x" ? tokens : undefined));
    expect([await send(), await send(), await send()]).toEqual([200, 200, 200]);
    expect(used()).toEqual(["a", "b", "b", "b"]);
    emulator.clear();
    expect([await send("gpt-y"), await send("gpt-y")]).toEqual([200, 200]);
    expect(used().sort()).toEqual(["a", "b"]);
  });
});

describe("conditions that are no key's fault", () => {
  it("put no key into cooldown when a CDN limits this machine's address", async () => {
    let isLimited = true;
    const { fetch, clock, sent, keysUsed } = rig(
      () => (isLimited ? new Response("error code: 1015", { status: 429 }) : ok()),
      { retries: 0 },
    );
    const rests = cooled(fetch);
    expect((await fetch("https://api.example.test/v1/x", post())).status).toBe(429);
    expect(sent).toHaveLength(1);
    expect(rests.map(({ scope }) => scope.split(":")[0])).toEqual(["ip"]);

    isLimited = false;
    sent.length = 0;
    await clock.advance(10_000);
    for (let count = 0; count < 2; count++) await fetch("https://api.example.test/v1/x", post());
    expect(keysUsed().sort()).toEqual([0, 1]);
    expect(await states(fetch)).toEqual(["ready", "ready"]);
  });

  it("put no key into cooldown when a request is larger than the limit itself", async () => {
    const message =
      "Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested 80715. The input or output tokens must be reduced in order to run successfully.";
    const large = Response.json(openaiError(message, "tokens", "rate_limit_exceeded"), { status: 429 });
    const { fetch, sent, keysUsed } = rig(({ init }) => (String(init.body).includes("large") ? large.clone() : ok()), {
      provider: "openai",
      keyCount: 3,
    });
    const rests = cooled(fetch);
    expect((await fetch("https://api.example.test/v1/x", post('{"model":"gpt-x","input":"large"}'))).status).toBe(429);
    expect(rests).toEqual([]);
    sent.length = 0;
    for (let count = 0; count < 3; count++) await fetch("https://api.example.test/v1/x", forModel("gpt-x"));
    expect(keysUsed().sort()).toEqual([0, 1, 2]);
  });
});

describe("refused credentials", () => {
  it("are left alone, and tried again after their cooldown", async () => {
    let isRefused = true;
    const { fetch, clock, keysUsed, sent } = rig(({ key }) =>
      key === 0 && isRefused ? refusal(401, "invalid_api_key") : ok(),
    );
    for (let count = 0; count < 3; count++) await fetch("https://api.example.test/v1/x", post());
    expect(keysUsed()).toEqual([0, 1, 1, 1]);
    expect(await states(fetch)).toEqual(["refused", "ready"]);
    isRefused = false;
    sent.length = 0;
    await clock.advance(40_000);
    for (let count = 0; count < 4; count++) await fetch("https://api.example.test/v1/x", post());
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
    expect(await states(fetch)).toEqual(["ready", "ready"]);
  });

  it("of a key that its provider does not know for minutes do not cost the key", async () => {
    const { fetch, clock, sent, keysUsed } = rig(({ key }) =>
      key === 0 && clock.monotonic() < 5 * minuteMs ? refusal(401, "invalid_api_key") : ok(),
    );
    const disabled: string[] = [];
    fetch.rotator.on("key-disabled", ({ keyId }) => disabled.push(keyId));
    while (clock.monotonic() < 15 * minuteMs) {
      expect((await fetch("https://api.example.test/v1/x", post())).status).toBe(200);
      await clock.advance(10_000);
    }
    sent.length = 0;
    for (let count = 0; count < 4; count++) await fetch("https://api.example.test/v1/x", post());
    expect(disabled).toEqual([]);
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });

  it("of all keys for hours disable none, and afterwards every key works again", async () => {
    const { fetch, clock, sent, keysUsed } = rig(
      () => (clock.monotonic() < 6 * hourMs ? refusal(401, "invalid_api_key") : ok()),
      { keyCount: 3, maxWaitMs: 0 },
    );
    const disabled: string[] = [];
    fetch.rotator.on("key-disabled", ({ keyId }) => disabled.push(keyId));
    while (clock.monotonic() < 8 * hourMs) {
      await fetch("https://api.example.test/v1/x", post());
      await clock.advance(minuteMs);
    }
    sent.length = 0;
    for (let count = 0; count < 6; count++) await fetch("https://api.example.test/v1/x", post());
    expect(disabled).toEqual([]);
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(await states(fetch)).toEqual(["ready", "ready", "ready"]);
  });

  it("of a key that is dead for certain while others work give it up in the end", async () => {
    const { fetch, clock } = rig(({ key }) => (key === 0 ? refusal(401, "invalid_api_key") : ok()));
    while (clock.monotonic() < 4 * hourMs) {
      expect((await fetch("https://api.example.test/v1/x", post())).status).toBe(200);
      await clock.advance(minuteMs);
    }
    expect(await states(fetch)).toEqual(["disabled", "ready"]);
  });

  it("of several dead keys while another works all the time give them up in the end", async () => {
    const { fetch, clock } = rig(({ key }) => (key === 2 ? ok() : refusal(401, "invalid_api_key")), { keyCount: 3 });
    while (clock.monotonic() < 24 * hourMs) {
      expect((await fetch("https://api.example.test/v1/x", post())).status).toBe(200);
      await clock.advance(minuteMs / 2);
    }
    expect(await states(fetch)).toEqual(["disabled", "disabled", "ready"]);
  });

  it("over HTTP send the call to the next key", async () => {
    const { send, script, used } = await openai(["one", "two"]);
    script("a", [], unauthorized());
    expect([await send(), await send()]).toEqual([200, 200]);
    expect(used()).toEqual(["a", "b", "b"]);
  });
});

describe("an account without credit", () => {
  it("sleeps long, is re-checked by one live request at a time, and is used again once it is topped up", async () => {
    const clock = new FakeClock();
    const { emulator, send, script, used } = await openai(["one", "two"], { clock });
    script("a", [], insufficientQuota());
    const burst = () => Promise.all(Array.from({ length: 10 }, () => send()));
    const arrivedAtA = () => used().filter((name) => name === "a").length;
    const allServed = Array<number>(10).fill(200);
    expect(await send()).toBe(200);
    expect(arrivedAtA()).toBe(1);

    await clock.advance(10 * minuteMs);
    expect(await burst()).toEqual(allServed);
    expect(arrivedAtA()).toBe(1);

    await clock.advance(6 * minuteMs);
    expect(await burst()).toEqual(allServed);
    expect(arrivedAtA()).toBe(2);

    script("a", []);
    emulator.clear();
    await clock.advance(16 * minuteMs);
    await send();
    for (let count = 0; count < 4; count++) await send();
    expect(arrivedAtA()).toBeGreaterThanOrEqual(2);
  });
});

describe("an emulated provider without a network", () => {
  it("is refused and served as one behind HTTP", async () => {
    const secrets = [newSecret(), newSecret()];
    const emulator = createProviderEmulator({ keys: secrets, limits: [{ requests: 1, per: "minute" }] });
    const { fetch } = rig(() => limited(), {
      keys: secrets,
      provider: "openai",
      maxWaitMs: 0,
      fetch: (input, init) => emulator.handle(new Request(input, init)),
    });
    const answers: number[] = [];
    for (let count = 0; count < 3; count++) {
      answers.push((await fetch("https://api.example.test/v1/chat/completions", chat("rotating"))).status);
    }
    expect(answers).toEqual([200, 200, 429]);
  });
});
