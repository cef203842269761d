import type { ClientRequest } from "node:http";
import { expect, it } from "vitest";
import { answering, ask, begin, nextPiece, whole } from "../../server/proxy/client.ts";
import type { World } from "./world.ts";

/** So soon the provider learns that a client has left, milliseconds. */
const soonMs = 50;
/** On a busy machine a single one says little. */
const mostTries = 5;

/** Leaves as somebody who closes a window does: with a reset, which every runtime notices. */
function leave(sending: ClientRequest): void {
  sending.socket?.resetAndDestroy();
}

/** What becomes of a request whose client or provider breaks off. */
export function connectionTests({ upstream, to }: World): void {
  /** How long it takes until the provider learns that the client has left. */
  async function lagAfter(behaviour: string): Promise<number> {
    const { id, url, headers } = to("single", behaviour);
    const sending = begin(url, { method: "POST", headers, body: "{}" });
    await upstream.arrived(id);
    if (behaviour === "stream") {
      upstream.release(id);
      await nextPiece(await answering(sending));
    }
    const leftAt = performance.now();
    leave(sending);
    return (await upstream.left(id)) - leftAt;
  }

  it.each([
    ["before there is an answer", "hang"],
    ["in the middle of one", "stream"],
  ])("gives a request up within 50 ms when its client leaves %s, and frees the key", async (_when, behaviour) => {
    const lags: number[] = [];
    do lags.push(await lagAfter(behaviour));
    while (Math.min(...lags) > soonMs && lags.length < mostTries);
    expect(Math.min(...lags)).toBeLessThan(soonMs);
    // The pool's only key takes one request at a time.
    const { url, headers } = to("single", "echo");
    expect((await ask(url, { headers })).status).toBe(200);
  });

  it.each(["stated", "chunked"])("breaks off when the provider does, with a length that is %s", async (length) => {
    const { id, url, headers } = to("single", "cut", `cut-${Math.random()}-${length}`);
    const answer = await answering(begin(url, { headers }));
    expect(await nextPiece(answer)).toBe("half of");
    upstream.release(id);
    await expect(whole(answer)).rejects.toThrow();
    expect(answer.complete).toBe(false);
    const next = to("single", "echo");
    expect((await ask(next.url, { headers: next.headers })).status).toBe(200);
  });
}
