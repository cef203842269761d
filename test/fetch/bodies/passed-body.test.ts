import { setImmediate as macrotask } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import type { BodyWatch } from "../../../src/attempt/call.ts";
import { FetchReply } from "../../../src/fetch/fetch-reply.ts";

function observeEnd(response: Response, ended: BodyWatch["ended"], onChunk?: BodyWatch["onChunk"]): Response {
  return new FetchReply(response).deliver({ ended, onChunk });
}

const chunk = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A response whose body gives so many chunks, and counts how many were pulled. */
function counted(most: number): { response: Response; pulled: () => number; cancelled: () => unknown[] } {
  let pulled = 0;
  const cancelled: unknown[] = [];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled++;
        controller.enqueue(chunk(`${pulled};`));
        if (pulled === most) controller.close();
      },
      cancel(reason) {
        cancelled.push(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(body), pulled: () => pulled, cancelled: () => cancelled };
}

async function dropsAreTold(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await macrotask();
  collect();
  await macrotask();
}

describe("passedBody", () => {
  it("breaks with the reason of a signal that aborted before anybody took the body", async () => {
    const reason = new Error("gone");
    const ended = vi.fn();
    const response = new FetchReply(new Response("x")).deliver({ ended, signal: AbortSignal.abort(reason) });
    await expect(response.text()).rejects.toBe(reason);
    expect(ended.mock.calls).toEqual([["error"]]);
  });

  it("shows every chunk before the reader gets it, and the end once", async () => {
    const seen: string[] = [];
    const { response } = counted(3);
    const observed = observeEnd(
      response,
      (how) => seen.push(how),
      (bytes) => seen.push(new TextDecoder().decode(bytes)),
    );
    expect(await observed.text()).toBe("1;2;3;");
    expect(seen).toEqual(["1;", "2;", "3;", "end"]);
  });

  it("hands on the very chunks, and pulls none before it is asked", async () => {
    const { response, pulled } = counted(100);
    const observer = vi.fn();
    const reader = observeEnd(response, () => {}, observer).body?.getReader();
    await macrotask();
    expect(pulled()).toBe(0);
    const first = await reader?.read();
    expect(pulled()).toBe(1);
    expect(observer.mock.calls).toEqual([[first?.value]]);
    expect(observer.mock.calls[0]?.[0]).toBe(first?.value);
    await macrotask();
    expect(pulled()).toBe(1);
  });

  it("goes on when the observer throws, and asks it no more", async () => {
    const ended = vi.fn();
    const observer = vi.fn(() => {
      throw new Error("observer");
    });
    const observed = observeEnd(counted(3).response, ended, observer);
    expect(await observed.text()).toBe("1;2;3;");
    expect(observer).toHaveBeenCalledTimes(1);
    expect(ended.mock.calls).toEqual([["end"]]);
  });

  it("tells the reader of a break with its own error, and of the break once", async () => {
    const failure = new TypeError("terminated");
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (++pulls === 1) controller.enqueue(chunk("a"));
        else controller.error(failure);
      },
    });
    const ended = vi.fn();
    const observed = observeEnd(new Response(body), ended, () => {});
    await expect(observed.text()).rejects.toBe(failure);
    expect(ended.mock.calls).toEqual([["error"]]);
  });

  it("passes a cancel on with its reason", async () => {
    const { response, cancelled } = counted(100);
    const ended = vi.fn();
    const observed = observeEnd(response, ended);
    const reason = new Error("enough");
    await observed.body?.cancel(reason);
    expect(cancelled()).toEqual([reason]);
    expect(ended.mock.calls).toEqual([["cancel"]]);
  });

  it("says only that it was cancelled when that happens while a chunk is waited for", async () => {
    const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) }, { highWaterMark: 0 });
    const ended = vi.fn();
    const observer = vi.fn();
    const reader = observeEnd(new Response(body), ended, observer).body?.getReader();
    const pending = reader?.read();
    await reader?.cancel();
    expect(await pending).toEqual({ done: true, value: undefined });
    await macrotask();
    expect(ended.mock.calls).toEqual([["cancel"]]);
    expect(observer).not.toHaveBeenCalled();
  });

  it("returns an answer without a body as it is", () => {
    const ended = vi.fn();
    const empty = new Response(null, { status: 204 });
    expect(observeEnd(empty, ended)).toBe(empty);
    expect(ended.mock.calls).toEqual([["end"]]);
  });

  it("keeps status, headers and url", () => {
    const response = new Response("x", { status: 201, statusText: "Made", headers: { "x-a": "b" } });
    Object.defineProperty(response, "url", { value: "https://api.example/v1" });
    const observed = observeEnd(response, () => {});
    expect([observed.status, observed.statusText, observed.headers.get("x-a"), observed.url]).toEqual([
      201,
      "Made",
      "b",
      "https://api.example/v1",
    ]);
  });

  it("cancels what is dropped unread or half read, and nothing that is still read", async () => {
    const [unread, halfRead, kept, read] = [counted(9), counted(9), counted(9), counted(9)];
    const told: string[] = [];
    const watch = (name: string, { response }: { response: Response }): Response =>
      observeEnd(response, (how) => told.push(`${name} ${how}`));
    watch("unread", unread);
    await (async () => {
      await watch("half read", halfRead).body?.getReader().read();
    })();
    const reader = watch("kept", kept).body?.getReader();
    await reader?.read();
    await watch("read", read).text();
    await vi.waitFor(async () => {
      await dropsAreTold();
      expect([...told].sort()).toEqual(["half read cancel", "read end", "unread cancel"]);
    });
    expect([unread, halfRead, kept].map(({ cancelled }) => cancelled().length)).toEqual([1, 1, 0]);
    expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
    expect(told.at(-1)).toBe("kept cancel");
  });
});
