import { expect, it } from "vitest";
import { ask } from "../../server/proxy/client.ts";
import type { World } from "./world.ts";

const ofTheClient = {
  cookie: "session=1",
  origin: "https://app.test",
  referer: "https://app.test/page",
  forwarded: "for=10.0.0.1",
  via: "1.1 edge",
  "x-forwarded-for": "10.0.0.1",
  "x-forwarded-host": "app.test",
  "x-real-ip": "10.0.0.1",
  "cf-connecting-ip": "10.0.0.1",
  "sec-fetch-mode": "navigate",
  "proxy-authorization": "Basic eA==",
  "x-api-key": "another",
  "api-key": "another",
  "x-goog-api-key": "another",
  "x-listed": "of this connection",
  te: "trailers",
  "x-rotating-fetch-options": "{}",
};

/** Which headers travel. */
export function headerTests({ upstream, to }: World): void {
  it("sends nothing of the client's connection, credentials, cookies and addresses to the provider", async () => {
    const { id, url, headers } = to("plain", "echo");
    // Listed by the client, the key's own header must not be lost.
    const connection = "keep-alive, X-Listed, authorization, x-title";
    const sent = { ...ofTheClient, ...headers, connection, "user-agent": "sdk/1", "x-kept": "1", accept: "*/*" };
    expect((await ask(url, { headers: sent })).status).toBe(200);
    const arrival = await upstream.arrived(id);
    const arrived = Object.entries(arrival.headers);
    const values: Readonly<Record<string, string>> = ofTheClient;
    expect(arrived.filter(([name, value]) => value === values[name])).toEqual([]);
    expect(arrival.headers).toMatchObject({ "user-agent": "sdk/1", "x-kept": "1", accept: "*/*", "x-title": "tests" });
    expect(arrival.role).toBe("good");
    expect(arrival.headers.host).toBe(new URL(upstream.origin).host);
    expect(String(arrival.headers.connection)).not.toMatch(/listed/i);
  });

  it("hands back nothing of the provider's connection and site", async () => {
    const { url, headers } = to("plain", "echo");
    const answer = await ask(url, { headers: { ...headers, origin: "https://app.test" } });
    expect(answer.status).toBe(200);
    const names = Object.keys(answer.headers);
    const dropped = /^(set-cookie|access-control-.*|alt-svc|strict-transport-security|proxy-.*|x-listed)$/;
    expect(names.filter((name) => dropped.test(name))).toEqual([]);
    expect(answer.headers["keep-alive"]).not.toBe("timeout=9");
    expect(answer.headers["x-request-id"]).toBe("req-1");
  });

  it("tells the length of an answer rightly, or not at all", async () => {
    const { url, headers } = to("plain", "echo");
    const { headers: told, body } = await ask(url, { headers });
    const isChunked = told["transfer-encoding"] === "chunked";
    expect(told["content-length"]).toBe(isChunked ? undefined : String(body.length));
  });
}
