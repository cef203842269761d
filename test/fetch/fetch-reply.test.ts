import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { chatUrl, limited, post, refusal, rig } from "./fixture.ts";

describe("FetchReply", () => {
  it("hands the very object over that the inner fetch gave, when it is a success", async () => {
    for (const status of [200, 201, 204, 206]) {
      const given = new Response(status === 204 ? null : "fine", { status });
      const { fetch } = rig(() => given);
      expect(await fetch(chatUrl)).toBe(given);
      expect(given.bodyUsed).toBe(false);
    }
  });

  it("hands the very object over after a failover, too", async () => {
    const given = new Response("fine");
    const { fetch } = rig((_sent, number) => (number === 1 ? limited() : given));
    expect(await fetch(chatUrl, post())).toBe(given);
  });

  it("keeps url, redirected and type of a refusal that had to be read", async () => {
    const secret = newSecret();
    const emulator = await startEmulator({ keys: { [secret]: { always: { status: 400 } } } });
    const fetch = createRotatingFetch({ keys: [secret], baseURL: emulator.url });
    const url = `${emulator.url}/v1/x?a=1`;
    const [ours, plain] = await Promise.all([
      fetch(url),
      globalThis.fetch(url, { headers: { authorization: `Bearer ${secret}` } }),
    ]);
    expect([ours.url, ours.redirected, ours.type]).toEqual([plain.url, plain.redirected, plain.type]);
    expect([ours.status, ours.statusText, ours.bodyUsed]).toEqual([400, plain.statusText, false]);
    expect(ours).toBeInstanceOf(Response);
    expect(await ours.clone().text()).toBe(await plain.text());
  });

  it("does not show what a key added to the URL", async () => {
    const [secret, region] = [newSecret(), newSecret()];
    const emulator = await startEmulator({ keys: [secret] });
    const fetch = createRotatingFetch({ keys: [{ secret, query: { region } }], baseURL: emulator.url });
    const response = await fetch(`${emulator.url}/echo?a=1`);
    expect((await response.json()).path).toBe(`/echo?a=1&region=${region}`);
    expect(response.url).toBe(`${emulator.url}/echo?a=1`);
  });

  it("hands over a refusal of any length whole, and does not wait for its end", async () => {
    const piece = new Uint8Array(50_000).fill(120);
    let pulled = 0;
    const endless = (): Response => {
      const body = new ReadableStream({
        pull(controller) {
          pulled++;
          if (pulled === 20) controller.close();
          else controller.enqueue(piece);
        },
      });
      return new Response(body, { status: 400 });
    };
    const { fetch } = rig(endless, { keyCount: 1 });
    const response = await fetch(chatUrl);
    expect(pulled).toBeLessThan(5);
    expect((await response.arrayBuffer()).byteLength).toBe(19 * 50_000);
  });

  it("lets go of the rest of a body nobody wants", async () => {
    const cancelled: number[] = [];
    const { fetch, clock } = rig(
      (_sent, number) => {
        const body = new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
          cancel: () => {
            cancelled.push(number);
          },
        });
        return number < 4 ? new Response(body, { status: 503 }) : new Response("fine");
      },
      { retries: 1 },
    );
    const call = fetch(chatUrl);
    await clock.advance(60_000);
    await (await call).body?.cancel();
    expect(cancelled).toEqual([1, 2, 3]);
  });

  it("forgets the encoding of a body that arrives decoded", async () => {
    const headers = { "content-encoding": "gzip", "content-length": "5", "x-kept": "1" };
    const text = JSON.stringify({ error: { message: "Nope." } });
    const { fetch } = rig(() => new Response(text, { status: 400, headers }));
    const response = await fetch(chatUrl);
    expect(Object.fromEntries(response.headers)).toMatchObject({ "x-kept": "1" });
    expect([response.headers.get("content-encoding"), response.headers.get("content-length")]).toEqual([null, null]);
    expect(await response.text()).toBe(text);
  });

  it("keeps cookies apart", async () => {
    const headers = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
    const { fetch } = rig(() => new Response("no", { status: 400, headers }));
    expect((await fetch(chatUrl)).headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it("hands a refusal over whose body breaks in the middle, broken as it is", async () => {
    const broken = (): Response => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("half"));
        },
        // Called when the half was read.
        pull(controller) {
          controller.error(new TypeError("terminated"));
        },
      });
      return new Response(body, { status: 400 });
    };
    const { fetch } = rig(broken);
    const response = await fetch(chatUrl);
    expect(response.status).toBe(400);
    await expect(response.text()).rejects.toThrow();
  });

  it("lets clients put properties of their own on it", async () => {
    const { fetch } = rig(() => refusal(400));
    const response = (await fetch(chatUrl)) as Response & { _data?: number };
    response._data = 1;
    expect(response._data).toBe(1);
  });
});
