import { describe, expect, it } from "vitest";
import { createProxyHandler, type ProxyOptions } from "../../../src/index.ts";
import { MemoryKeyStore } from "../../../src/stores/memory-key-store.ts";
import { newSecret } from "../../support/test-keys.ts";

/** A proxy whose provider answers as is said. */
function proxyTo(answer: (secret: string) => Response, options: Partial<ProxyOptions> = {}) {
  const secret = newSecret();
  const handle = createProxyHandler({
    provider: "generic",
    target: "http://provider.test/v1",
    keys: [secret],
    authorize: "public",
    retries: 0,
    fetch: async () => answer(secret),
    ...options,
  });
  return (init?: RequestInit) => handle(new Request("http://proxy.test/a", init));
}

describe("createProxyHandler", () => {
  it("answers 503 where its keys cannot be read, and says nothing of the reason", async () => {
    const keyStore = new MemoryKeyStore();
    const fails = () => Promise.reject(new Error("down at /secret/place"));
    keyStore.load = fails as unknown as typeof keyStore.load;
    for (const given of [{ keyStore }, { keys: fails }]) {
      const response = await proxyTo(() => new Response("never"), given)();
      expect(response.status).toBe(503);
      const body = await response.text();
      expect(JSON.parse(body)).toMatchObject({ error: { code: "keys_unavailable" } });
      expect(body).not.toContain("/secret/place");
    }
  });

  it("takes the key out of a status line", async () => {
    const ask = proxyTo((secret) => new Response("no", { status: 400, statusText: `Bad key ${secret}` }));
    expect((await ask()).statusText).toBe("Bad key [secret]");
  });

  it("hands on an answer that comes without a body", async () => {
    for (const status of [200, 204, 205, 304, 400]) {
      const response = await proxyTo(() => new Response(null, { status, headers: { etag: "1" } }))();
      expect([response.status, response.body, response.headers.get("etag")]).toEqual([status, null, "1"]);
    }
  });

  it("hands on no empty pieces of what it cleans", async () => {
    const { body } = await proxyTo(() => new Response("short", { status: 400 }))();
    const pieces: string[] = [];
    for await (const piece of body as unknown as AsyncIterable<Uint8Array>)
      pieces.push(new TextDecoder().decode(piece));
    expect(pieces).toEqual(["short"]);
  });

  it("cancels the provider's body when the client's is cancelled", async () => {
    for (const status of [200, 400]) {
      let cancel = (): void => {};
      const cancelled = new Promise<void>((resolve) => {
        cancel = resolve;
      });
      const body = new ReadableStream({ pull: (one) => one.enqueue(new Uint8Array(70_000)), cancel });
      await (await proxyTo(() => new Response(body, { status }))()).body?.cancel();
      await cancelled;
    }
  });

  it("answers 504 to a deadline, 502 to what it cannot reach, and says nothing of either's words", async () => {
    const secret = newSecret();
    for (const [name, status] of [
      ["TimeoutError", 504],
      ["TypeError", 502],
    ] as const) {
      const response = await proxyTo(() => {
        throw Object.assign(new Error(`to ${secret}`), { name });
      })({ method: "POST", body: "{}" });
      expect(response.status).toBe(status);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.text()).not.toContain(secret);
    }
  });
});
