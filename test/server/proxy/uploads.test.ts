import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { newSecret } from "../../support/test-keys.ts";
import { faces, handlerOf, newToken, serving } from "./rig.ts";

const json = { "content-type": "application/json" };

/** A provider that is told of a request as soon as its headers are there, and a proxy in front of it. */
async function startProxy(face: (typeof faces)[number], provider: RequestListener) {
  const token = newToken();
  const keys = [newSecret(), newSecret()];
  const target = `${await serving(provider)}/v1`;
  const options = { provider: "generic", strategy: "fill_first", keys, target, authorize: [token] } as const;
  const { listener, rotator } = handlerOf({ ...options, retries: 0, maxWaitMs: 0, maxBodyBytes: 2_000_000 }, face);
  let server: Server | undefined;
  const origin = await serving((request, response) => {
    server ??= (request.socket as unknown as { readonly server: Server }).server;
    listener(request, response);
  });
  const open = (): Promise<number> =>
    new Promise((resolve) => (server as Server).getConnections((_error, count) => resolve(count)));
  return { origin, token, rotator, keys, open };
}

const piece = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, "x"), Buffer.from("\r\n")]);

/** A client that sends a body without an end for as long as somebody listens. */
class EndlessUpload {
  readonly socket: Socket;
  readonly isClosed: Promise<unknown>;
  answer = "";

  constructor(origin: string, token: string) {
    this.socket = connect(Number(new URL(origin).port), "127.0.0.1");
    onTestFinished(() => void this.socket.destroy());
    this.isClosed = new Promise((resolve) => this.socket.on("close", resolve));
    // It writes until it is told that nobody listens.
    this.socket.on("error", () => {});
    this.socket.on("data", (part) => {
      this.answer += part.toString("latin1");
    });
    this.socket.write(
      `POST /chat HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    this.#goOn();
    this.socket.on("drain", () => this.#goOn());
  }

  #goOn(): void {
    while (this.socket.writable && this.socket.write(piece));
  }
}

describe.each(faces)("An upload that fails on its way through the proxy (%s)", (face) => {
  it("is listened to for a while after a refusal, and then its connection is closed", async () => {
    const { origin, open, rotator } = await startProxy(face, (_request, response) => void response.end("{}"));
    const upload = new EndlessUpload(origin, "of nobody");
    await upload.isClosed;
    expect(upload.answer).toContain("401 Unauthorized");
    expect([await open(), rotator.inFlight]).toEqual([0, 0]);
  });

  it("is not listened to any longer than it may be", async () => {
    const { origin, open, token, rotator } = await startProxy(face, (_request, response) => void response.end("{}"));
    const upload = new EndlessUpload(origin, token);
    await upload.isClosed;
    // Who is still writing when a connection is closed may never see what was said.
    expect(upload.answer).toMatch(/^$|413 Payload Too Large/);
    expect([await open(), rotator.inFlight]).toEqual([0, 0]);
  });

  it("leaves the connection of a small one open for the next request", async () => {
    const { origin, open } = await startProxy(face, (_request, response) => void response.end("{}"));
    const socket = connect(Number(new URL(origin).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    for (let count = 0; count < 2; count++) {
      socket.write("POST /chat HTTP/1.1\r\nhost: proxy\r\ncontent-length: 4\r\n\r\n");
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString("latin1")).toContain("401 Unauthorized");
      socket.write("body");
    }
    expect(await open()).toBe(1);
  });

  it("goes on with the next key when the provider refuses it before it is there", async () => {
    const { origin, token, rotator, keys } = await startProxy(face, (request, response) => {
      if (request.headers.authorization === `Bearer ${keys[0]}`) {
        response.writeHead(429, json).end('{"error":{"message":"Rate limit reached"}}');
        return;
      }
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on("end", () => response.end(String(bytes)));
    });
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${origin}/chat`, { method: "POST", headers, body: Buffer.alloc(1_900_000) });
    expect([answer.status, await answer.text()]).toEqual([200, "1900000"]);
    expect(rotator.inFlight).toBe(0);
  });

  it("gives its key back when the provider hangs up in the middle of it", async () => {
    const { origin, token, rotator } = await startProxy(face, (request) => {
      request.once("data", () => request.socket.destroy());
    });
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${origin}/chat`, { method: "POST", headers, body: Buffer.alloc(1_900_000) });
    expect(answer.status).toBe(502);
    await answer.text();
    expect(rotator.inFlight).toBe(0);
  });
});
