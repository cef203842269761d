import { describe, expect, it } from "vitest";
import { createRotatingFetch, type Provider } from "../../../src/index.ts";
import type { ProviderName } from "../../../src/named/presets.ts";
import { ok, post, rig, type Sent } from "../../fetch/fixture.ts";
import { chat, newSecret, startEmulator } from "../../testing/emulator/fixture.ts";

const target = "https://api.example.test/v1/x";
const header = "x-ratelimit-remaining-requests";
const forModel = (model: string): RequestInit => post(JSON.stringify({ model }));

function counted(remaining: number, reset: string): Response {
  return Response.json(
    { fine: true },
    {
      headers: {
        "x-ratelimit-limit-requests": "60",
        [header]: String(remaining),
        "x-ratelimit-reset-requests": reset,
      },
    },
  );
}

/** Two keys of OpenAI: the first says once, for one model, that it has nothing left. */
function drying(reset: string, provider: ProviderName | Provider = "openai") {
  let told = false;
  const answer = ({ key }: Sent): Response => {
    if (key !== 0 || told) return ok();
    told = true;
    return counted(0, reset);
  };
  return rig(answer, { provider });
}

describe("ObservedLimits", () => {
  it.each([
    ["120ms", 120],
    ["6m0s", 360_000],
  ])("leaves a key alone that said it has nothing left for %s", async (reset, resetMs) => {
    const { fetch, clock, sent, keysUsed } = drying(reset);
    const rests: unknown[] = [];
    fetch.rotator.on("key-cooled", ({ forMs, reason }) => rests.push([forMs, reason]));
    await fetch(target, forModel("m"));
    expect(rests).toEqual([[resetMs, "no_quota_left"]]);
    sent.length = 0;
    await clock.advance(Math.min(resetMs - 20, 50_000));
    for (let count = 0; count < 3; count++) await fetch(target, forModel("m"));
    expect(keysUsed()).toEqual([1, 1, 1]);
    sent.length = 0;
    await clock.advance(resetMs);
    for (let count = 0; count < 4; count++) await fetch(target, forModel("m"));
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });

  it("so that over HTTP its provider never has to refuse", async () => {
    const secrets = [newSecret(), newSecret()];
    const statuses: number[] = [];
    const emulator = await startEmulator({
      keys: secrets.map((secret) => ({
        secret,
        always: { headers: { [header]: "0", "x-ratelimit-reset-requests": "300ms" } },
        limits: [{ requests: 1, per: 250 }],
      })),
    });
    const fetch = createRotatingFetch({ provider: "openai", baseURL: emulator.baseURL, keys: secrets });
    for (let count = 0; count < 6; count++) {
      const response = await fetch(`${emulator.baseURL}/chat/completions`, chat("rotating"));
      statuses.push(response.status);
      await response.text();
    }
    expect(statuses).toEqual(Array(6).fill(200));
    expect(emulator.refusals()).toEqual([]);
    for (const secret of secrets) {
      const arrivals = emulator.arrivalsOf(secret);
      expect(arrivals).toHaveLength(3);
      expect((arrivals[1]?.at ?? 0) - (arrivals[0]?.at ?? 0)).toBeGreaterThanOrEqual(290);
    }
  });

  describe("with more than one counter", () => {
    const left = (requests: number, tokens: number): Response => {
      const counters = { [header]: String(requests), "x-ratelimit-remaining-tokens": String(tokens) };
      const resets = { "x-ratelimit-reset-requests": "30s", "x-ratelimit-reset-tokens": "30s" };
      const limits = { "x-ratelimit-limit-requests": "1000", "x-ratelimit-limit-tokens": "50000" };
      return Response.json({}, { headers: { ...counters, ...limits, ...resets } });
    };

    /** Says so of its only account, call by call, and tells after which of them something was put into cooldown. */
    async function cooledAfter(answers: readonly (readonly [requests: number, tokens: number, laterMs: number])[]) {
      const { fetch, clock } = rig(
        (_sent, number) => left(answers[number - 1]?.[0] ?? 0, answers[number - 1]?.[1] ?? 0),
        {
          provider: "openai",
          keyCount: 1,
        },
      );
      const after: number[] = [];
      let made = 0;
      fetch.rotator.on("key-cooled", () => after.push(made));
      for (const [, , laterMs] of answers) {
        made++;
        await fetch(target, forModel("m"));
        await clock.advance(laterMs);
      }
      return after;
    }

    it("hears the second one run dry on an account's first answer, when it had little left, and after a second at the latest", async () => {
      expect(await cooledAfter([[900, 0, 0]])).toEqual([1]);
      expect(
        await cooledAfter([
          [900, 9000, 0],
          [899, 0, 0],
        ]),
      ).toEqual([2]);
      expect(
        await cooledAfter([
          [900, 40_000, 500],
          [899, 39_000, 600],
          [898, 0, 0],
        ]),
      ).toEqual([3]);
    });

    it("hears the first one run dry at once", async () => {
      expect(
        await cooledAfter([
          [900, 40_000, 0],
          [0, 39_000, 0],
        ]),
      ).toEqual([2]);
    });

    it("asks for one header of an answer while plenty is left", async () => {
      const asked: string[] = [];
      const { fetch, clock } = rig(
        () => {
          const answer = left(900, 40_000);
          const { headers } = answer;
          const get = (name: string): string | null => {
            if (name.startsWith("x-ratelimit-")) asked.push(name);
            return headers.get(name);
          };
          return Object.defineProperty(answer, "headers", { value: { get, has: (name: string) => headers.has(name) } });
        },
        { provider: "openai", keyCount: 1 },
      );
      for (let call = 0; call < 3; call++) await fetch(target, forModel("m"));
      expect(asked.filter((name) => name === header)).toHaveLength(3);
      expect(asked.filter((name) => name === "x-ratelimit-remaining-tokens")).toHaveLength(1);
      await clock.advance(1000);
      await fetch(target, forModel("m"));
      expect(asked.filter((name) => name === "x-ratelimit-remaining-tokens")).toHaveLength(2);
    });
  });

  it("leaves other models of that key alone", async () => {
    const { fetch, sent, keysUsed } = drying("6m0s");
    await fetch(target, forModel("m"));
    sent.length = 0;
    for (let count = 0; count < 4; count++) await fetch(target, forModel("other"));
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });

  it("shows what was learnt, from which header and when, until the window is over", async () => {
    const { fetch, rotator, clock } = rig(() => counted(17, "6m0s"), { provider: "openai", keyCount: 1 });
    const learnt = async (): Promise<unknown> => (await rotator.snapshot()).keys[0]?.learnt;
    expect(await learnt()).toEqual([]);
    await fetch(target, forModel("m"));
    await clock.advance(1500);
    expect(await learnt()).toEqual([
      {
        dimension: "requests",
        window: null,
        model: "m",
        limit: 60,
        remaining: 17,
        resetInMs: 358_500,
        from: "headers",
        header,
        seenAgoMs: 1500,
      },
    ]);
    await clock.advance(360_000);
    expect(await learnt()).toEqual([]);
  });

  it("believes the answer to the later request, whichever comes first", async () => {
    const answers: ((response: Response) => void)[] = [];
    const { fetch, rotator, clock, sent } = rig(() => new Promise((resolve) => answers.push(resolve)), {
      provider: "openai",
      keyCount: 1,
      maxWaitMs: 0,
    });
    const older = fetch(target, forModel("m"));
    await clock.advance(10);
    const newer = fetch(target, forModel("m"));
    await clock.advance(10);
    expect(sent).toHaveLength(2);
    answers[1]?.(counted(59, "1s"));
    await newer;
    answers[0]?.(counted(0, "6m0s"));
    await older;
    expect((await rotator.snapshot()).keys[0]?.learnt.map(({ remaining }) => remaining)).toEqual([59]);
    const next = fetch(target, forModel("m"));
    await expect.poll(() => answers.length).toBe(3);
    answers[2]?.(ok());
    expect((await next).status).toBe(200);
  });

  it("keeps a cooldown that a newer request asked for when an older answer promises more", async () => {
    const answers: ((response: Response) => void)[] = [];
    const { fetch, clock } = rig(() => new Promise((resolve) => answers.push(resolve)), {
      provider: "openai",
      keyCount: 1,
      maxWaitMs: 0,
    });
    const older = fetch(target, forModel("m"));
    await clock.advance(10);
    const newer = fetch(target, forModel("m"));
    await clock.advance(10);
    answers[1]?.(counted(0, "30s"));
    await newer;
    answers[0]?.(counted(1, "30s"));
    await older;
    expect((await fetch(target, forModel("m"))).status).toBe(429);
    expect(answers).toHaveLength(2);
  });

  it("learns nothing where the provider sends no counters", async () => {
    const { fetch, rotator, keysUsed, sent } = drying("6m0s", "gemini");
    await fetch(target, forModel("m"));
    sent.length = 0;
    for (let count = 0; count < 4; count++) await fetch(target, forModel("m"));
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
    expect((await rotator.snapshot()).keys.map(({ learnt }) => learnt)).toEqual([[], []]);
  });

  it("gives the next place back sooner where the counter tells when it is full again", async () => {
    const provider: Provider = {
      name: "refilled",
      origins: ["https://api.example.test"],
      credential: { header: "authorization", scheme: "Bearer" },
      headers: [
        {
          dimension: "requests",
          window: "minute",
          limit: "x-ratelimit-limit-requests",
          remaining: header,
          reset: "x-ratelimit-reset-requests",
          unit: "duration",
          resetIsFull: true,
          scope: "key",
        },
      ],
    };
    const { fetch, rotator } = drying("60s", provider);
    const rests: unknown[] = [];
    rotator.on("key-cooled", ({ scope, forMs }) => rests.push([scope.split(":")[0], forMs]));
    await fetch(target, forModel("m"));
    expect(rests).toEqual([["key", 1000]]);
  });

  it.each(["", "soon", "NaN"])("takes no cooldown from a counter that says %j", async (remaining) => {
    const answer = (): Response =>
      Response.json({}, { headers: { [header]: remaining, "x-ratelimit-reset-requests": "6m0s" } });
    const { fetch, rotator } = rig(answer, { provider: "openai" });
    for (let count = 0; count < 4; count++) expect((await fetch(target, forModel("m"))).status).toBe(200);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["ready", "ready"]);
  });
});
