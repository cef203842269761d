import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createRotatingFetch } from "../../src/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

/** A provider that refuses everything with a long explanation, and counts who connects. */
async function refusing(bodyBytes: number, status = 429) {
  const body = "x".repeat(bodyBytes);
  let connections = 0;
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    response.writeHead(status, { "content-type": "text/plain", "retry-after": "3600" }).end(body);
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, url, connections: () => connections, requests: () => requests };
}

function openSockets(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

const keys = Array.from({ length: 60 }, newSecret);

describe("connections of refused answers", () => {
  it("are used again while a refusal is of a usual length", async () => {
    const { url, connections, requests } = await refusing(30_000);
    const fetch = createRotatingFetch({ keys, baseURL: url, maxAttempts: 60 });
    const response = await fetch(url);
    expect([response.status, (await response.text()).length, requests()]).toEqual([429, 30_000, 60]);
    expect(connections()).toBeLessThanOrEqual(3);
  });

  it("are closed when a refusal is too long to be read", async () => {
    const { server, url, requests } = await refusing(300_000);
    const fetch = createRotatingFetch({ keys, baseURL: url, maxAttempts: 60 });
    const response = await fetch(url);
    expect([response.status, requests()]).toEqual([429, 60]);
    await response.text();
    await expect.poll(() => openSockets(server)).toBeLessThanOrEqual(3);
  });

  it("are closed when the call ends in an error of ours", async () => {
    const { server, url } = await refusing(300_000);
    const fetch = createRotatingFetch({ keys, baseURL: url, maxAttempts: 60, onExhausted: "throw" });
    await expect(fetch(url)).rejects.toMatchObject({ code: "ERR_ALL_KEYS_EXHAUSTED", attempts: 60 });
    await expect.poll(() => openSockets(server)).toBeLessThanOrEqual(2);
  });
});
