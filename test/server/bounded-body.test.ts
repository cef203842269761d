import { describe, expect, it } from "vitest";
import { readBounded } from "../../src/server/bounded-body.ts";
import { FakeClock } from "../../src/testing/index.ts";

function sent(body: BodyInit | null, headers = {}): Request {
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, headers, duplex: "half" };
  return new Request("http://admin.test/", init);
}

function bounds(maxBytes = 10) {
  return { maxBytes, maxMs: 1000, clock: new FakeClock() };
}

describe("readBounded", () => {
  it("reads a body of up to so many bytes, in one piece or several", async () => {
    const pieces = ["01", "2345", "6789"];
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(piece));
      },
    });
    const limits = bounds();
    expect(new TextDecoder().decode((await readBounded(sent(stream), limits)) as Uint8Array)).toBe("0123456789");
    expect(await readBounded(sent(null), limits)).toEqual(new Uint8Array(0));
    expect(limits.clock.pendingTimers).toBe(0);
  });

  it("gives up one byte later, and cancels what is left", async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(11)),
      cancel: () => {
        cancelled = true;
      },
    });
    expect(await readBounded(sent(stream), bounds())).toBe("too_large");
    expect(cancelled).toBe(true);
  });

  it("does not begin to read what is said to be too long", async () => {
    expect(await readBounded(sent("short", { "content-length": "11" }), bounds())).toBe("too_large");
  });

  it("gives up when the end does not come in time", async () => {
    const limits = bounds();
    const reading = readBounded(sent(new ReadableStream()), limits);
    await limits.clock.advance(1000);
    expect(await reading).toBe("too_slow");
  });

  it("says when a body broke off", async () => {
    const stream = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
    expect(await readBounded(sent(stream), bounds())).toBe("broken");
  });
});
