import { once } from "node:events";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNodeProxy, type Dispatching } from "../../../src/node.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { newSecret } from "../../support/test-keys.ts";
import { answering, ask, begin, nextPiece, whole } from "./client.ts";
import { serving, startRig } from "./rig.ts";

describe("createNodeProxy", () => {
  it("goes on to the next key when a refusal stops in the middle of its body", async () => {
    const clock = new FakeClock();
    const rig = await startRig({ roles: ["limited", "good"], options: { clock } as never });
    rig.upstream.behave("stuck", (response, { role }) => {
      if (role === "good") return void response.end("served");
      response.writeHead(429, { "content-type": "application/json" });
      response.write('{"error":');
    });
    const answer = ask(`${rig.origin}/stuck/a`, { headers: rig.headers });
    const isAnswered = answer.then(() => true);
    await rig.upstream.arrived("a");
    // So long a refusal is read; the timer is set once its headers are here.
    while (!(await Promise.race([isAnswered, clock.advance(1_000).then(() => false)])));
    expect((await answer).body.toString()).toBe("served");
  });

  it("is told by undici's own patience that a provider is too late", async () => {
    const dispatcher = new Agent({ headersTimeout: 60 });
    onTestFinished(() => dispatcher.close());
    const rig = await startRig();
    const proxy = createNodeProxy({
      rotator: rig.rotator,
      target: `${rig.upstream.origin}/v1`,
      authorize: "public",
      retries: 0,
      transport: dispatcher,
    });
    const origin = await serving((request, response) => proxy(request, response));
    expect((await ask(`${origin}/hang/a`)).status).toBe(504);
  });

  it("answers 502 in its own words to a head that cannot be sent on, and lets go of the rest and of the key", async () => {
    const given: Error[] = [];
    const controller = { abort: (reason: Error) => void given.push(reason), pause() {}, resume() {} };
    const dispatcher: Dispatching = {
      dispatch(_options, handler) {
        const told = handler as Required<Record<`on${string}`, (...values: unknown[]) => void>>;
        told["onRequestStart"]?.(controller);
        told["onResponseStart"]?.(controller, 200, { "x-broken": "a\nb" }, "Fine");
        return true;
      },
    };
    const rig = await startRig({ options: { limits: [{ concurrency: 1 }], guardMs: 0 } as never });
    const target = `${rig.upstream.origin}/v1`;
    const proxy = createNodeProxy({ rotator: rig.rotator, target, authorize: "public", transport: dispatcher });
    const origin = await serving((request, response) => proxy(request, response));
    for (const count of [1, 2]) {
      const { statusCode, statusMessage } = await answering(begin(`${origin}/a`));
      expect([statusCode, statusMessage, given.length]).toEqual([502, "Bad Gateway", count]);
    }
  });

  it("sends nothing for a client that left before there was a connection", async () => {
    const given: Error[] = [];
    let tell = (_connected: () => void): void => {};
    const isAsked = new Promise<() => void>((resolve) => {
      tell = resolve;
    });
    const dispatcher: Dispatching = {
      dispatch(_options, handler) {
        const controller = { abort: (reason: Error) => void given.push(reason), pause() {}, resume() {} };
        tell(() => (handler as { onRequestStart(one: object): void }).onRequestStart(controller));
        return true;
      },
    };
    const { rotator, upstream } = await startRig();
    const target = `${upstream.origin}/v1`;
    const proxy = createNodeProxy({ rotator, target, authorize: "public", transport: dispatcher });
    let isClosed: Promise<unknown> | undefined;
    const origin = await serving((request, response) => {
      isClosed = once(response, "close");
      proxy(request, response);
    });
    const sending = begin(`${origin}/a`);
    const connected = await isAsked;
    sending.destroy();
    await isClosed;
    connected();
    expect(given).toHaveLength(1);
  });

  it.each(["fetch", "web"] as const)("breaks off what is silent for longer than `idleTimeoutMs`: %s", async (face) => {
    const rig = await startRig({ face, options: { idleTimeoutMs: 50 } as never });
    const sending = begin(`${rig.origin}/stream/a`, { headers: rig.headers });
    await rig.upstream.arrived("a");
    rig.upstream.release("a");
    const answer = await answering(sending);
    await nextPiece(answer);
    await expect(nextPiece(answer)).rejects.toThrow();
    await rig.upstream.left("a");
  });

  it("follows no redirect from a key's own endpoint to another origin with the key", async () => {
    const rig = await startRig();
    const endpoint = await startRig();
    const secret = endpoint.upstream.key("good");
    endpoint.upstream.behave("away", (response) => {
      response.writeHead(307, { location: `${rig.upstream.origin}/v1/echo/b` }).end();
    });
    for (const transport of ["undici", "fetch"] as const) {
      const proxy = createNodeProxy({
        provider: "generic",
        keys: [{ secret, baseURL: `${endpoint.upstream.origin}/v1` }],
        target: `${rig.upstream.origin}/v1`,
        authorize: "public",
        transport,
      });
      const origin = await serving((request, response) => proxy(request, response));
      expect((await ask(`${origin}/away/a`)).status).toBe(307);
    }
    expect(rig.upstream.arrivals).toEqual([]);
  });

  it("gives up a body that comes through a fetch which knows no signals", async () => {
    const given = { fetch: (url: string, { signal: _, ...init }: RequestInit = {}) => fetch(url, init) };
    const rig = await startRig({ face: "fetch", options: given as never });
    const sending = begin(`${rig.origin}/stream/a`, { headers: rig.headers });
    await rig.upstream.arrived("a");
    rig.upstream.release("a");
    await nextPiece(await answering(sending));
    sending.destroy();
    await rig.upstream.left("a");
  });

  it("answers 503 while it is closing", async () => {
    const rig = await startRig();
    await rig.rotator.close();
    const answer = await ask(`${rig.origin}/echo/a`, { headers: rig.headers });
    expect([answer.status, answer.json().error.code]).toEqual([503, "closing"]);
  });

  it("keeps connections to the provider for the next request", async () => {
    const rig = await startRig();
    const ports = new Set<number | undefined>();
    rig.upstream.behave("port", (response) => {
      ports.add(response.socket?.remotePort);
      response.writeHead(response.req.method === "POST" ? 204 : 200).end();
    });
    // After HEAD undici opens a new one, for servers that send a body all the same.
    for (const method of ["GET", "POST", "DELETE", "GET"]) {
      expect((await ask(`${rig.origin}/port/a`, { method, headers: rig.headers })).status).toBeLessThan(300);
    }
    expect(ports.size).toBe(1);
  });

  it("hands on a whole answer to a client of HTTP/1.0", async () => {
    const rig = await startRig();
    rig.upstream.behave("pieces", (response) => {
      response.write("one ");
      response.end("two");
    });
    const { connect } = await import("node:net");
    const { hostname, port } = new URL(rig.origin);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /pieces/a HTTP/1.0\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`);
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    await once(socket, "close");
    expect(received).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\none two$/s);
    expect(received).not.toMatch(/transfer-encoding/i);
  });

  it("answers no differently when its options come from elsewhere", async () => {
    const options = { provider: "generic", target: "http://127.0.0.1:1/", keys: [newSecret()] } as const;
    expect(() => createNodeProxy({ ...options, authorize: "public", transport: "axios" as never })).toThrow();
    const rig = await startRig({ base: "/" });
    const answer = await whole(await answering(begin(`${rig.origin}/v1/echo/a`, { headers: rig.headers })));
    expect(answer.json()).toMatchObject({ url: "/v1/echo/a" });
  });
});
