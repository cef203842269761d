import { expect, it } from "vitest";
import { ask } from "../../server/proxy/client.ts";
import type { World } from "./world.ts";

/** Who is answered what. */
export function answerTests(world: World): void {
  const { upstream, to } = world;

  it("puts the key in place of the client's token", async () => {
    const { id, url, headers } = to("plain", "echo");
    const answer = await ask(`${url}?a=1&b=%20`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: '{"model":"m"}',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(answer.json()).toMatchObject({ method: "POST", url: `/v1/echo/${id}?a=1&b=%20`, bytes: 13 });
    const { role, headers: sent, body } = await upstream.arrived(id);
    expect({ role, type: sent["content-type"], body: body.toString() }).toEqual({
      role: "good",
      type: "application/json",
      body: '{"model":"m"}',
    });
  });

  it("refuses a client without a token, and asks the provider nothing", async () => {
    const { id, url } = to("plain", "echo");
    const answer = await ask(url);
    expect(answer.status).toBe(401);
    expect(answer.json()).toMatchObject({ error: { code: "invalid_token" } });
    expect(upstream.arrivalsOf(id)).toEqual([]);
  });

  it("goes on to the next key when the first is limited", async () => {
    const { id, url, headers } = to("rotating", "echo");
    expect((await ask(url, { method: "POST", headers, body: "again" })).status).toBe(200);
    const sent = upstream.arrivalsOf(id).map(({ role, body }) => [role, body.toString()]);
    expect(sent).toEqual([
      ["limited", "again"],
      ["good", "again"],
    ]);
  });

  it("answers 429 and says when to come again while all keys are limited", async () => {
    for (const attempt of ["first refused by the provider", "then by the pool"]) {
      const { url, headers } = to("limited", "echo");
      const answer = await ask(url, { headers });
      expect(answer.status, attempt).toBe(429);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(25);
      expect(Number(answer.headers["retry-after"])).toBeLessThanOrEqual(31);
      expect(answer.headers["x-should-retry"]).toBe("false");
      expect(answer.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    }
  });

  it.each(["refused", "disabled"])("answers 503 while all keys are %s", async (pool) => {
    for (const attempt of ["found out", "known"]) {
      const { url, headers } = to(pool, "echo");
      const answer = await ask(url, { headers });
      expect(answer.status, attempt).toBe(503);
      expect(answer.json()).toMatchObject({ error: { code: "service_unavailable" } });
      expect(answer.headers["www-authenticate"]).toBeUndefined();
    }
  });

  it("answers 502 when the provider cannot be reached, and 504 when it is too late", async () => {
    const unreachable = to("unreachable", "echo");
    expect((await ask(unreachable.url, { headers: unreachable.headers })).status).toBe(502);
    const late = to("hasty", "hang");
    expect((await ask(late.url, { headers: late.headers })).status).toBe(504);
    await upstream.left(late.id);
  });

  it("lets only those set options of a call who may", async () => {
    const { url, headers, id } = to("choosing", "echo");
    const options = { "x-rotating-fetch-options": JSON.stringify({ deadline: Date.now() - 1_000 }) };
    expect((await ask(url, { headers: { ...headers, ...options } })).status).toBe(200);
    expect((await upstream.arrived(id)).headers["x-rotating-fetch-options"]).toBeUndefined();
    const chooser = { authorization: `Bearer ${world.choosingToken}`, ...options };
    expect((await ask(url, { headers: chooser })).status).toBe(504);
    const unknown = { ...chooser, "x-rotating-fetch-options": '{"urgent":true}' };
    const refused = await ask(url, { headers: unknown });
    expect([refused.status, refused.json().error.code]).toEqual([400, "bad_options"]);
    expect(upstream.arrivalsOf(id)).toHaveLength(1);
  });

  it("passes OPTIONS on", async () => {
    const { url, headers, id } = to("plain", "echo");
    const answer = await ask(url, { method: "OPTIONS", headers });
    expect([answer.status, answer.headers["allow"]]).toEqual([200, "GET, POST"]);
    expect((await upstream.arrived(id)).method).toBe("OPTIONS");
  });

  it("answers HEAD with the provider's headers and no body", async () => {
    const { url, headers, id } = to("plain", "echo");
    const answer = await ask(url, { method: "HEAD", headers });
    expect([answer.status, answer.body.length, answer.headers["x-request-id"]]).toEqual([200, 0, "req-1"]);
    expect((await upstream.arrived(id)).method).toBe("HEAD");
  });

  it.each([204, 304])("passes on a %d, which has no body", async (status) => {
    const { url, headers } = to("plain", "status");
    const answer = await ask(`${url}?${status}`, { headers });
    expect([answer.status, answer.body.length, answer.headers["etag"]]).toEqual([status, 0, '"1"']);
    expect(answer.headers["transfer-encoding"]).toBeUndefined();
  });
}
