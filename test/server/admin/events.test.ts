import { createParser, type EventSourceMessage } from "eventsource-parser";
import { describe, expect, it } from "vitest";
import { createRotatingFetch } from "../../../src/index.ts";
import { portOf } from "../../../src/pool/pool-port.ts";
import { limited, post } from "../../fetch/fixture.ts";
import { newSecret } from "../../support/test-keys.ts";
import { type Rig, readToken, rig, serve } from "./fixture.ts";

/** Reads a feed message by message, as a browser does. */
function reader(response: Response) {
  const body = (response.body as ReadableStream<Uint8Array>).getReader();
  const messages: EventSourceMessage[] = [];
  let comments = 0;
  let retryMs = 0;
  const parser = createParser({
    onEvent: (message) => void messages.push(message),
    onComment: () => void comments++,
    onRetry: (ms) => {
      retryMs = ms;
    },
  });
  const decoder = new TextDecoder();
  const read = async (): Promise<boolean> => {
    const { done, value } = await body.read();
    if (!done) parser.feed(decoder.decode(value, { stream: true }));
    return !done;
  };
  const next = async (): Promise<EventSourceMessage> => {
    while (messages.length === 0) if (!(await read())) throw new Error("The feed ended");
    return messages.shift() as EventSourceMessage;
  };
  return { read, next, cancel: () => body.cancel(), comments: () => comments, retryMs: () => retryMs };
}

const namesOf = (data: { events: { event: string }[] }): string[] => data.events.map(({ event }) => event);

describe("GET /api/events", () => {
  it("tells what happened, in order, with its channel and time", async () => {
    const { ask, rotator, ids, clock } = rig();
    rotator.disable(ids[0] as string, "too dear");
    await clock.advance(1000);
    rotator.enable(ids[0] as string);
    const { data } = await ask("/api/events", { token: readToken });
    expect(data.events).toMatchObject([
      { channel: 1, event: "key-disabled", at: clock.wall() - 1000, payload: { keyId: ids[0], reason: "too dear" } },
      { channel: 1, event: "key-enabled", at: clock.wall(), payload: { keyId: ids[0] } },
    ]);
  });

  it("keeps the last ones only, and gives those after one that is known", async () => {
    const { ask, rotator, ids } = rig({ admin: { events: 3 } });
    for (const id of [...ids, ...ids]) {
      rotator.disable(id);
      rotator.enable(id);
    }
    const { data } = await ask("/api/events");
    expect(namesOf(data)).toEqual(["key-enabled", "key-disabled", "key-enabled"]);
    expect((await ask(`/api/events?after=${data.events[0].id}`)).data.events).toEqual(data.events.slice(1));
    expect((await ask("/api/events?limit=1")).data.events).toEqual(data.events.slice(-1));
    expect((await ask("/api/events?event=key-disabled")).data.events).toEqual([data.events[1]]);
    expect((await ask("/api/events?after=another-5")).data.events).toEqual(data.events);
    expect(await ask("/api/events?limit=0")).toMatchObject({ status: 400, field: "limit" });
  });

  it.each(["/api/events", "/api/events/stream"])(
    "answers an event nobody knows with 400 and the names: %s",
    async (path) => {
      const { ask } = rig();
      const { status, field, message } = await ask(`${path}?event=key-disable`);
      expect([status, field]).toEqual([400, "event"]);
      expect(message).toMatch(/one of .*key-selected, .*internal-error; did you mean `key-disabled`\?$/);
      const secret = newSecret();
      expect((await ask(`${path}?event=${secret}`)).message).not.toContain(secret);
    },
  );

  it("keeps refusals, and not what happens in every request", async () => {
    const fetch = createRotatingFetch({
      provider: "openai",
      keys: [newSecret()],
      fetch: async () => limited({ "retry-after": "60" }),
      maxWaitMs: 0,
    });
    const { ask } = rig({ admin: { rotators: fetch.rotator } });
    await fetch("https://api.openai.com/v1/chat/completions", post());
    const { data } = await ask("/api/events");
    expect(namesOf(data)).toEqual(expect.arrayContaining(["attempt-failed", "key-cooled"]));
    expect(namesOf(data)).not.toContain("key-selected");
    expect(fetch.rotator.wants("key-selected")).toBe(false);
  });

  it("tells of an error that is not the library's own its name only", async () => {
    const secret = newSecret();
    const error = Object.assign(new TypeError(`vault: ${secret}`), { code: "ECONNREFUSED", token: secret });
    const { call, rotator } = rig();
    portOf(rotator).emit("internal-error", { part: "secret", keyId: "a", error });
    const text = await (await call("/api/events")).text();
    expect(text).not.toContain(secret);
    expect(JSON.parse(text).data.events[0].payload.error).toEqual({ name: "TypeError", code: "ECONNREFUSED" });
  });
});

describe("GET /api/events/stream", () => {
  const open = async ({ call }: Pick<Rig, "call">, query = "", headers = {}) => {
    const response = await call(`/api/events/stream${query}`, { token: readToken, headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    return reader(response);
  };

  it("tells what happens as it happens", async () => {
    const made = rig();
    const feed = await open(made);
    await feed.read();
    expect(feed.retryMs()).toBeGreaterThan(0);
    made.rotator.disable(made.ids[1] as string);
    const { event, data, id } = await feed.next();
    expect([event, JSON.parse(data).payload.keyId]).toEqual(["key-disabled", made.ids[1]]);
    expect(id).toBe((await made.ask("/api/events")).data.events[0].id);
    await feed.cancel();
  });

  it("goes on where a reader lost its connection", async () => {
    const made = rig();
    const [first = "", second = "", third = ""] = made.ids;
    for (const id of [first, second, third]) made.rotator.disable(id);
    const { events } = (await made.ask("/api/events")).data;
    const feed = await open(made, "", { "last-event-id": events[0].id });
    made.rotator.enable(first);
    const told = [await feed.next(), await feed.next(), await feed.next()].map(
      ({ data }) => JSON.parse(data).payload.keyId,
    );
    expect(told).toEqual([second, third, first]);
    await feed.cancel();
  });

  it("says when events between were forgotten, or another process knew them", async () => {
    const made = rig({ admin: { events: 1 } });
    made.rotator.disable(made.ids[0] as string);
    const seen = (await made.ask("/api/events")).data.events[0].id;
    for (const id of made.ids) {
      made.rotator.enable(id);
      made.rotator.disable(id);
    }
    for (const lastEventId of [seen, "other-3"]) {
      const feed = await open(made, `?lastEventId=${lastEventId}`);
      expect((await feed.next()).event).toBe("gap");
      expect((await feed.next()).event).toBe("key-disabled");
      await feed.cancel();
    }
  });

  it("tells what happens in every request to those who ask for it, and while they do only", async () => {
    const made = rig();
    const feed = await open(made, "?details=true&event=request-queued");
    expect(made.rotator.wants("request-queued")).toBe(true);
    portOf(made.rotator).emit("request-queued", { requestId: "r", waiting: 1 });
    made.rotator.disable(made.ids[0] as string);
    expect(await feed.next()).toMatchObject({ event: "request-queued", id: undefined });
    await feed.cancel();
    expect(made.rotator.wants("request-queued")).toBe(false);
  });

  it("gives signs of life, and has no timer while nobody reads", async () => {
    const made = rig();
    expect(made.clock.pendingTimers).toBe(0);
    const feed = await open(made);
    await feed.read();
    await made.clock.advance(15_000);
    await feed.read();
    await made.clock.advance(15_000);
    await feed.read();
    expect(feed.comments()).toBe(2);
    await feed.cancel();
    expect(made.clock.pendingTimers).toBe(0);
  });

  it("ends with its request", async () => {
    const { handler, clock } = rig();
    const controller = new AbortController();
    const headers = { authorization: "" };
    const url = await serve(async (request) => {
      request.headers.set("authorization", headers.authorization);
      return handler(request);
    });
    headers.authorization = `Bearer ${readToken}`;
    const response = await fetch(`${url}/api/events/stream`, { signal: controller.signal });
    expect(clock.pendingTimers).toBe(1);
    const body = response.body?.getReader();
    await body?.read();
    controller.abort();
    await expect.poll(() => clock.pendingTimers).toBe(0);
  });

  it("lets go of a reader that does not read", async () => {
    const made = rig();
    const response = await made.call("/api/events/stream");
    for (let turn = 0; turn < 600; turn++) {
      made.rotator.disable(made.ids[0] as string);
      made.rotator.enable(made.ids[0] as string);
    }
    expect(made.clock.pendingTimers).toBe(0);
    const text = await response.text();
    expect(text.match(/^id: /gm)?.length).toBeLessThan(1001);
  });

  it("has a bounded number of readers", async () => {
    const made = rig();
    const feeds = await Promise.all(Array.from({ length: 64 }, () => open(made)));
    expect((await made.ask("/api/events/stream")).status).toBe(503);
    await feeds[0]?.cancel();
    const feed = await open(made);
    for (const each of [...feeds, feed]) await each.cancel();
    expect(made.clock.pendingTimers).toBe(0);
  });
});
