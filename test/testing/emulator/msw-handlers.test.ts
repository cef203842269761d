import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterEach, describe, expect, it } from "vitest";
import {
  createProviderEmulator,
  FakeClock,
  type ProviderEmulator,
  type ProviderEmulatorOptions,
  rateLimited,
} from "../../../src/testing/index.ts";
import { chat, eventsOf, newSecret } from "./fixture.ts";

const origin = "https://api.example.test";
const server = setupServer();

function mock(options: ProviderEmulatorOptions): ProviderEmulator {
  const emulator = createProviderEmulator(options);
  server.resetHandlers(
    ...emulator.handlers(http, origin),
    http.all("*", () => HttpResponse.error()),
  );
  server.listen({ onUnhandledRequest: "error" });
  return emulator;
}

afterEach(() => server.close());

describe("ProviderEmulator.handlers", () => {
  it("answers under the given origin, JSON and streams, without a network", async () => {
    const secret = newSecret();
    const emulator = mock({ keys: [secret], reply: "Hi there" });
    const json = await fetch(`${origin}/v1/chat/completions`, chat(secret));
    expect((await json.json()).choices[0].message.content).toBe("Hi there");
    const stream = await fetch(`${origin}/v1/chat/completions`, chat(secret, { stream: true }));
    expect(eventsOf(await stream.text()).at(-1)).toBe("[DONE]");
    expect(emulator.arrivals.map(({ status, path }) => [status, path])).toEqual([
      [200, "/v1/chat/completions"],
      [200, "/v1/chat/completions"],
    ]);
    expect(emulator.openRequests).toBe(0);
  });

  it("plays scripts and cuts connections as over a network", async () => {
    const secret = newSecret();
    const script = [rateLimited(), { cut: "before-headers" }, { cut: { afterChunks: 1 } }] as const;
    mock({ keys: { [secret]: { script } } });
    const send = () => fetch(`${origin}/v1/chat/completions`, chat(secret, { stream: true }));
    expect((await send()).status).toBe(429);
    await expect(send()).rejects.toThrow(TypeError);
    const cut = await send();
    expect(cut.status).toBe(200);
    await expect(cut.text()).rejects.toThrow("terminated");
  });

  it("counts on the clock it is given, so that a window passes without waiting", async () => {
    const secret = newSecret();
    const clock = new FakeClock();
    const emulator = mock({ keys: [secret], limits: [{ requests: 20, per: 2_000 }], clock });
    const send = async () => (await fetch(`${origin}/v1/models`, { headers: { "x-api-key": secret } })).status;
    for (let sent = 0; sent < 20; sent++) expect(await send()).toBe(200);
    await clock.advance(1_999);
    expect(await send()).toBe(429);
    await clock.advance(1);
    expect(await send()).toBe(200);
    expect(emulator.maxInAnyWindow(2_000)).toBe(20);
    expect(emulator.maxInAnyWindow(2_001)).toBe(21);
  });
});

describe("ProviderEmulator.handle", () => {
  const url = `${origin}/v1/chat/completions`;

  it("waits on its clock before the headers and between the pieces of a stream", async () => {
    const secret = newSecret();
    const clock = new FakeClock();
    const emulator = createProviderEmulator({
      keys: { [secret]: { always: { delayMs: 500 } } },
      reply: "a b",
      chunkDelayMs: 100,
      clock,
    });
    const answered = emulator.handle(new Request(url, chat(secret, { stream: true }))).then(async (response) => {
      const headersAt = clock.monotonic();
      await response.text();
      return [headersAt, clock.monotonic()];
    });
    await clock.advance(5_000);
    // Role, two words, finish, [DONE]: four pauses.
    expect(await answered).toEqual([500, 900]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("rejects with the signal's reason and notes the abort", async () => {
    const secret = newSecret();
    const clock = new FakeClock();
    const emulator = createProviderEmulator({ keys: { [secret]: { always: { delayMs: 500 } } }, clock });
    const abort = new AbortController();
    const answered = emulator.handle(new Request(url, { ...chat(secret), signal: abort.signal }));
    const outcome = expect(answered).rejects.toThrow("enough");
    await clock.advance(100);
    abort.abort(new Error("enough"));
    await outcome;
    expect(emulator.arrivals[0]).toMatchObject({ aborted: true, status: null });
    expect([emulator.openRequests, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("notes a reader that cancels a stream, but not one that read it all", async () => {
    const secret = newSecret();
    const emulator = createProviderEmulator({ keys: [secret] });
    const send = () => emulator.handle(new Request(url, chat(secret, { stream: true })));
    await (await send()).body!.cancel();
    await (await send()).text();
    expect(emulator.arrivals.map((arrival) => arrival.aborted)).toEqual([true, false]);
    expect(emulator.openRequests).toBe(0);
  });
});
