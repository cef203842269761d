import { describe, expect, it } from "vitest";
import { createRotatingFetch, MemoryStore, type RotatingFetch } from "../../../src/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";

describe("an operator's word", () => {
  it.each(["cooldown", "enable"] as const)("ends cooldowns of models too: %s", async (word) => {
    let isLimited = true;
    const limited = (): Response =>
      Response.json(
        { error: { message: "Rate limit reached", code: "rate_limit_exceeded" } },
        { status: 429, headers: { "retry-after": "600" } },
      );
    const fetch = createRotatingFetch({
      provider: "openai",
      keys: [{ secret: "test-secret-of-models", id: "k" }],
      clock: new FakeClock(),
      maxWaitMs: 0,
      fetch: async () => (isLimited ? limited() : Response.json({ fine: true })),
    });
    const { rotator } = fetch;
    const ask = (): Promise<Response> =>
      fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: '{"model":"m"}' });
    expect((await ask()).status).toBe(429);
    isLimited = false;
    expect((await ask()).status).toBe(429);
    if (word === "enable") rotator.enable("k");
    else await rotator.cooldown("k", "end");
    expect((await ask()).status).toBe(200);
  });
});

describe("a pool that begins on a store in which models cool already", () => {
  const keys = ["k", "l"].map((id) => ({ secret: `test-secret-of-${id}`, id }));
  const limited = (): Response =>
    Response.json(
      { error: { message: "Rate limit reached", code: "rate_limit_exceeded" } },
      { status: 429, headers: { "retry-after": "600" } },
    );

  function open(store: MemoryStore, clock: FakeClock): { readonly fetch: RotatingFetch; readonly sent: () => number } {
    let sent = 0;
    const transport = async (): Promise<Response> => {
      sent++;
      return limited();
    };
    const fetch = createRotatingFetch({ provider: "openai", keys, store, clock, maxWaitMs: 0, fetch: transport });
    return { fetch, sent: () => sent };
  }

  const ask = (fetch: RotatingFetch): Promise<Response> =>
    fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: '{"model":"m"}' });

  it.each([
    { other: "one that another pool of the process uses", goesOn: (store: MemoryStore): MemoryStore => store },
    {
      other: "one that goes on where another process left off",
      goesOn: (store: MemoryStore, clock: FakeClock): MemoryStore => {
        const next = new MemoryStore({ clock });
        next.load(store.dump());
        return next;
      },
    },
  ])("neither sends nor chooses what rests: $other", async ({ goesOn }) => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    expect((await ask(open(store, clock).fetch)).status).toBe(429);
    const { fetch, sent } = open(goesOn(store, clock), clock);
    expect((await fetch.rotator.explain({ model: "m" })).chosen).toBeNull();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(fetch)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
    expect(sent()).toBe(0);
    fetch.rotator.enable("k");
    await ask(fetch);
    expect(sent()).toBe(1);
  });

  it("learns of models that cool for another pool later", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const one = open(store, clock);
    const other = open(store, clock);
    expect((await other.fetch.rotator.explain({ model: "m" })).chosen).toBe("k");
    await ask(one.fetch);
    expect((await other.fetch.rotator.explain({ model: "m" })).chosen).toBeNull();
    await ask(other.fetch);
    expect(other.sent()).toBe(0);
  });
});
