import { describe, expect, it } from "vitest";
import { createProxyHandler, KeyRotator } from "../../src/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { newSecret } from "../support/test-keys.ts";
import { chatUrl, hang, limited, ok, origin, post, refusal, rig } from "./fixture.ts";

/** A signal as packages have it that are older than `reason` and `throwIfAborted`. */
class OlderSignal {
  aborted = false;
  listeners = 0;
  readonly #target = new EventTarget();

  addEventListener(...given: Parameters<EventTarget["addEventListener"]>): void {
    this.listeners++;
    this.#target.addEventListener(...given);
  }

  removeEventListener(...given: Parameters<EventTarget["removeEventListener"]>): void {
    this.#target.removeEventListener(...given);
  }

  abort(): void {
    this.aborted = true;
    this.#target.dispatchEvent(new Event("abort"));
  }

  get asSignal(): AbortSignal {
    return this as never;
  }
}

/** As in another realm: with a reason, but not of the platform's class. */
class ForeignSignal extends OlderSignal {
  reason: unknown = undefined;

  override abort(): void {
    this.reason = Object.assign(new Error("left"), { name: "AbortError" });
    super.abort();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }
}

for (const [kind, Signal] of Object.entries({ "an older": OlderSignal, "a foreign": ForeignSignal })) {
  describe(`a signal of ${kind} class`, () => {
    const gone = { name: "AbortError" };

    it("lets a request be repeated", async () => {
      const { fetch, clock, sent } = rig((_sent, number) => (number === 1 ? refusal(503) : ok()));
      const answer = fetch(chatUrl, { ...post(), signal: new Signal().asSignal });
      await clock.advance(2_000);
      expect([(await answer).status, sent.length]).toEqual([200, 2]);
    });

    it("ends a call before it begins, without a request", async () => {
      const { fetch, sent } = rig(ok, { cache: { key: () => "one", ttlMs: 1_000 } });
      const signal = new Signal();
      signal.abort();
      await expect(fetch(chatUrl, { ...post(), signal: signal.asSignal })).rejects.toMatchObject(gone);
      expect(sent).toEqual([]);
    });

    it("ends a request on its way, bounded in time or not, and one that is a Request", async () => {
      for (const options of [{}, { totalTimeoutMs: 60_000 }]) {
        const { fetch, rotator, sent } = rig(hang, { ...options, limits: [{ concurrency: 1 }] });
        const init = { ...post(), signal: new Signal().asSignal };
        const request = { ...init, signal: new Signal().asSignal, url: chatUrl, headers: new Headers(), mode: "cors" };
        const calls = [fetch(chatUrl, init), fetch(request as unknown as Request)];
        while (sent.length < 2) await Promise.resolve();
        for (const { signal } of [init, request]) (signal as unknown as OlderSignal).abort();
        for (const call of calls) await expect(call).rejects.toMatchObject(gone);
        expect(rotator.inFlight).toBe(0);
      }
    });

    it("ends a pause between repeats and a wait for a key", async () => {
      for (const answer of [() => refusal(503), () => limited({ "retry-after": "9" })]) {
        const { fetch, sent, clock } = rig(answer, { keyCount: 1, maxWaitMs: 60_000 });
        const signal = new Signal();
        const call = fetch(chatUrl, { ...post(), signal: signal.asSignal });
        call.catch(() => {});
        await clock.advance(10);
        signal.abort();
        await expect(call).rejects.toMatchObject(gone);
        expect(sent.length).toBe(1);
      }
    });

    it("ends the body of an answer that was handed over", async () => {
      const { fetch } = rig(() => new Response(new ReadableStream()), { limits: [{ concurrency: 1 }] });
      const signal = new Signal();
      const reading = (await fetch(chatUrl, { ...post(), signal: signal.asSignal })).text();
      signal.abort();
      await expect(reading).rejects.toMatchObject(gone);
    });

    it("ends a wait for a lease", async () => {
      const rotator = new KeyRotator({ keys: [newSecret()], limits: [{ concurrency: 1 }], clock: new FakeClock() });
      await rotator.acquire();
      const waiting = new Signal();
      const lease = rotator.acquire({ signal: waiting.asSignal });
      waiting.abort();
      await expect(lease).rejects.toMatchObject(gone);
      await expect(rotator.acquire({ signal: waiting.asSignal })).rejects.toMatchObject(gone);
    });

    it("ends what a proxy does for its client", async () => {
      const signal = new Signal();
      const heard: (AbortSignal | null | undefined)[] = [];
      const handle = createProxyHandler({
        keys: [newSecret()],
        target: origin,
        authorize: "public",
        fetch: (_url, init) => {
          heard.push(init?.signal);
          return new Promise(() => {});
        },
      });
      const request = { method: "GET", url: "http://proxy.test/a", headers: new Headers(), body: null, signal };
      const answer = handle(request as unknown as Request);
      while (heard.length === 0) await new Promise(setImmediate);
      signal.abort();
      expect((await answer).status).toBeGreaterThanOrEqual(499);
      expect(heard[0]?.aborted).toBe(true);
    });

    it("is listened to once, however many calls it is given to", async () => {
      const { fetch } = rig(ok, { totalTimeoutMs: 60_000 });
      const signal = new Signal();
      for (let call = 0; call < 50; call++) await fetch(chatUrl, { ...post(), signal: signal.asSignal });
      expect(signal.listeners).toBe(1);
    });
  });
}

it("what is no signal is refused by its name", async () => {
  const { fetch, sent } = rig(ok);
  for (const signal of [{}, "abort", { aborted: false }]) {
    await expect(fetch(chatUrl, { ...post(), signal: signal as never })).rejects.toThrow(/`signal`/);
  }
  expect(sent).toEqual([]);
});
