import { describe, expect, it } from "vitest";
import { createRotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import { expectNoSecrets } from "../../src/testing/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { chatUrl, ok, post, rig } from "./fixture.ts";

async function twoProviders(options: Partial<RotatingFetchOptions> = {}) {
  const secret = newSecret();
  const home = await startEmulator({ keys: [secret] });
  const away = await startEmulator({ keys: [secret] });
  const fetch = createRotatingFetch({ keys: [secret], baseURL: home.url, retries: 0, ...options });
  const via = (to: string, status = 307): string =>
    `${home.url}/redirect?to=${encodeURIComponent(to)}&status=${status}`;
  return { secret, home, away, fetch, via };
}

const stream = (): RequestInit =>
  ({ method: "POST", body: new Blob(["streamed"]).stream(), duplex: "half" }) as RequestInit;

describe("nextHop", () => {
  it("follows on the same origin with the key, and tells where the answer came from", async () => {
    const { home, fetch, via, secret } = await twoProviders();
    const response = await fetch(via("/landed", 302));
    expect(await response.json()).toMatchObject({ path: "/landed" });
    expect([response.redirected, response.url]).toEqual([true, `${home.url}/landed`]);
    expect(home.arrivals.map((arrival) => arrival.secret === secret)).toEqual([true, true]);
  });

  it.each(["authorization", "x-api-key", "api-key", "x-goog-api-key"])(
    "leaves a key in %s behind when it goes to another origin",
    async (header) => {
      const { away, fetch, via, secret } = await twoProviders();
      const given = { [header]: "Bearer rotating", cookie: "session=1", "x-kept": "1" };
      await fetch(via(`${away.url}/landed`), { headers: given });
      const { headers } = away.arrivals[0] as (typeof away.arrivals)[0];
      expect(away.arrivals).toHaveLength(1);
      expect(headers["x-kept"]).toBe("1");
      expect(headers).not.toHaveProperty("cookie");
      expect(headers).not.toHaveProperty(header);
      expectNoSecrets(away.arrivals, [secret]);
    },
  );

  it("leaves behind a key in a header of a provider of one's own, and the key's own headers", async () => {
    const [secret, organization] = [newSecret(), newSecret()];
    const { fetch, sent } = rig((_sent, number) => (number === 1 ? redirectTo("https://away.test/") : ok()), {
      provider: { name: "mine", origins: [], credential: { header: "x-my-token" } },
      keys: [{ secret, headers: { "X-Organization": organization } }],
    });
    await fetch(chatUrl);
    expect(sent[0]?.headers.get("x-my-token") === secret).toBe(true);
    expect(sent[0]?.headers.get("x-organization") === organization).toBe(true);
    expect(sent[1]?.url).toBe("https://away.test/");
    expectNoSecrets(sent[1], [secret, organization]);
  });

  it.each([401, 403, 429, 503])("blames no key for a %i from another origin, and hands it over", async (status) => {
    const { fetch, rotator, sent } = rig(({ url }) =>
      url === chatUrl ? redirectTo("https://away.test/login") : new Response("no", { status }),
    );
    const response = await fetch(chatUrl, post());
    expect([response.status, await response.text(), sent.length]).toEqual([status, "no", 2]);
    const { keys, inFlight } = await rotator.snapshot();
    expect([inFlight, ...keys.map(({ state, failures }) => [state, failures])]).toEqual([
      0,
      ["ready", 0],
      ["ready", 0],
    ]);
  });

  it("does not take the key up again on the way back", async () => {
    const { fetch, sent } = rig((_sent, number) => {
      if (number === 1) return redirectTo("https://away.test/");
      return number === 2 ? redirectTo(chatUrl) : ok();
    });
    await fetch(chatUrl);
    expect(sent.map(({ headers }) => headers.has("authorization"))).toEqual([true, false, false]);
  });

  it.each([301, 302, 303])("turns a POST into a GET without a body after %i", async (status) => {
    const { home, fetch, via } = await twoProviders();
    const headers = { "content-type": "application/json" };
    expect(await (await fetch(via("/landed", status), { ...post(), headers })).json()).toMatchObject({ method: "GET" });
    expect(home.arrivals[1]).toMatchObject({ method: "GET", bodyBytes: 0 });
    expect(home.arrivals[1]?.headers).not.toHaveProperty("content-type");
  });

  it.each([307, 308])("keeps method and body after %i, whatever the body is", async (status) => {
    const { home, fetch, via } = await twoProviders();
    const bodies = [post("streamed"), post(new TextEncoder().encode("streamed")), stream()];
    for (const init of bodies) {
      home.clear();
      expect((await fetch(via("/landed", status), init)).status).toBe(200);
      expect(home.arrivals.map(({ method, bodyBytes }) => [method, bodyBytes])).toEqual([
        ["POST", 8],
        ["POST", 8],
      ]);
      expect(home.arrivals[0]?.bodySha256).toBe(home.arrivals[1]?.bodySha256);
    }
  });

  it("knows a method in lower case", async () => {
    const { home, fetch, via } = await twoProviders();
    await fetch(via("/landed", 302), { method: "post", body: "abc" });
    expect(home.arrivals[1]).toMatchObject({ method: "GET", bodyBytes: 0 });
  });

  it("gives no length of the client's own for a stream that goes on", async () => {
    const { home, fetch, via } = await twoProviders();
    expect((await fetch(via("/landed"), { ...stream(), headers: { "content-length": "3" } })).status).toBe(200);
    expect(home.arrivals.map(({ headers }) => headers["content-length"])).toEqual(["8", "8"]);
  });

  it("keeps the body of a PUT after 302", async () => {
    const { home, fetch, via } = await twoProviders();
    await fetch(via("/landed", 302), { method: "PUT", body: "abc" });
    expect(home.arrivals[1]).toMatchObject({ method: "PUT", bodyBytes: 3 });
  });

  it('hands a redirect over with redirect: "manual"', async () => {
    const { home, fetch, via } = await twoProviders();
    const response = await fetch(via("/landed"), { redirect: "manual" });
    expect([response.status, response.headers.get("location"), home.arrivals.length]).toEqual([307, "/landed", 1]);
  });

  it('rejects with redirect: "error" after one request, and blames nobody', async () => {
    const { home, fetch, via } = await twoProviders({ retries: 2 });
    const error: Error = await fetch(via("/landed"), { redirect: "error" }).then(Promise.reject, (thrown) => thrown);
    expect([error.name, error.message, home.arrivals.length]).toEqual(["TypeError", "fetch failed", 1]);
    expect((await fetch.rotator.snapshot()).keys[0]?.state).toBe("ready");
    expect(fetch.rotator.inFlight).toBe(0);
  });

  it("gives a loop up after 20 hops, and does not start it over", async () => {
    const { fetch, sent, clock, rotator } = rig(() => redirectTo("/again"), { retries: 2 });
    await expect(fetch(chatUrl)).rejects.toThrow("fetch failed");
    expect([sent.length, clock.pendingTimers, rotator.inFlight]).toEqual([21, 0, 0]);
  });

  it.each(["http://[broken", "file:///etc/passwd", "data:,x"])("does not follow to %s", async (location) => {
    const { fetch, sent } = rig(() => redirectTo(location));
    await expect(fetch(chatUrl)).rejects.toThrow("fetch failed");
    expect(sent).toHaveLength(1);
  });

  it("hands over what is no redirect: 304, 300, or one without a place", async () => {
    const { fetch } = rig((_sent, number) => new Response(null, { status: [304, 300, 302][number - 1] as number }));
    for (const status of [304, 300, 302]) expect((await fetch(chatUrl)).status).toBe(status);
  });

  it("judges the answer at the end of the way", async () => {
    const { fetch, keysUsed } = rig(({ url }, number) =>
      url === chatUrl ? redirectTo("/landed") : number === 2 ? new Response(null, { status: 429 }) : ok(),
    );
    expect((await fetch(chatUrl)).status).toBe(200);
    expect(keysUsed()).toEqual([0, 0, 1, 1]);
  });
});

function redirectTo(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}
