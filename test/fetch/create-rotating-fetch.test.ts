import { describe, expect, it, onTestFinished } from "vitest";
import { createRotatingFetch, ForeignOriginError, KeyRotator } from "../../src/index.ts";
import { newSecret, startEmulator } from "../testing/emulator/fixture.ts";
import { chatUrl, limited, ok, origin, post, rig } from "./fixture.ts";

const placeholder = { headers: { authorization: "Bearer rotating" } };

async function twoServers(options = {}) {
  const secret = newSecret();
  const home = await startEmulator({ keys: [secret] });
  const away = await startEmulator({ keys: [secret] });
  const fetch = createRotatingFetch({ keys: [secret], baseURL: home.baseURL, ...options });
  return { secret, home, away, fetch };
}

describe("createRotatingFetch", () => {
  it("answers data: URLs without a key", async () => {
    const secret = newSecret();
    const fetch = createRotatingFetch({ keys: [secret], baseURL: origin, limits: [{ requests: 1 }] });
    for (const url of ["data:,probe", new URL("data:,probe")]) expect(await (await fetch(url)).text()).toBe("probe");
    const { keys } = await fetch.rotator.snapshot();
    expect([keys[0]?.used, keys[0]?.limits[0]?.used]).toEqual([0, 0]);
  });

  it("lets a call to another origin through when it carries no credential, uncounted", async () => {
    const { away, fetch } = await twoServers();
    for (const input of [`${away.url}/x`, new URL(`${away.url}/x`), new Request(`${away.url}/x`)]) {
      expect((await fetch(input)).status).toBe(401);
    }
    expect(away.arrivals.map(({ secret }) => secret)).toEqual([undefined, undefined, undefined]);
    expect((await fetch.rotator.snapshot()).keys[0]?.used).toBe(0);
  });

  it("refuses a call to another origin that carries a credential, and sends nothing", async () => {
    const { away, home, fetch, secret } = await twoServers();
    const calls = [
      () => fetch(`${away.url}/x`, placeholder),
      () => fetch(`  ${away.url}/x`, placeholder),
      () => fetch(new URL(`${away.url}/x`), { headers: { "X-Api-Key": "rotating" } }),
      () => fetch(new Request(`${away.url}/x`, placeholder)),
      () => fetch(new Request(`${away.url}/x`), placeholder),
    ];
    for (const call of calls) {
      const error: unknown = await call().then(Promise.reject, (thrown: unknown) => thrown);
      if (!ForeignOriginError.isInstance(error)) throw error;
      expect([error.origin, error.allowed]).toEqual([away.url, [home.url]]);
      expect(error.message).toContain(away.url);
      expect(error.message).toContain(home.url);
      expect(error.message).not.toContain(secret);
    }
    expect(away.arrivals).toHaveLength(0);
  });

  it('passes such a call on as it is with foreignOrigins: "pass"', async () => {
    const { away, fetch } = await twoServers({ foreignOrigins: "pass" });
    expect((await fetch(`${away.url}/x`, placeholder)).status).toBe(401);
    expect(away.arrivals[0]?.headers["authorization"]).toBe("Bearer rotating");
    expect((await fetch.rotator.snapshot()).keys[0]?.used).toBe(0);
  });

  it("sends keys to further origins it is told of", async () => {
    const { away, fetch, secret } = await twoServers();
    const wider = createRotatingFetch({ rotator: fetch.rotator, baseURL: origin, origins: [away.url] });
    expect((await wider(`${away.url}/x`, placeholder)).status).toBe(200);
    expect(away.arrivals[0]?.secret === secret).toBe(true);
  });

  it("calls the inner fetch with just what it was called with for what needs no key", async () => {
    const calls: unknown[][] = [];
    const inner = (...given: unknown[]): Promise<Response> => {
      calls.push(given);
      return Promise.resolve(ok());
    };
    const { fetch } = rig(ok, { fetch: inner });
    const blob = URL.createObjectURL(new Blob(["b"]));
    const init = { headers: { authorization: "Bearer x" }, body: null, odd: 1 } as RequestInit;
    const inputs = ["data:,x", new URL("data:,x"), blob, new Request("data:,x"), new URL("https://away.test/")];
    for (const input of inputs) await fetch(input);
    await fetch(inputs[1] as URL, init);
    expect(calls).toHaveLength(6);
    for (const [place, input] of inputs.entries()) {
      expect(calls[place]).toHaveLength(1);
      expect(calls[place]?.[0]).toBe(input);
    }
    expect(calls[5]?.[1]).toBe(init);
    expect((await fetch.rotator.snapshot()).keys.every(({ used }) => used === 0)).toBe(true);
  });

  it("leaves a relative URL to the inner fetch", async () => {
    const { fetch } = rig(ok, { fetch: globalThis.fetch });
    await expect(fetch("/v1/models", placeholder)).rejects.toThrow(TypeError);
  });

  it("takes null for no init and for no headers, as fetch does", async () => {
    const { fetch, sent } = rig(ok);
    await fetch(chatUrl, null as unknown as RequestInit);
    await fetch(chatUrl, { headers: null, body: null, signal: null } as unknown as RequestInit);
    expect(sent.map(({ key }) => key)).toEqual([0, 1]);
  });

  it("carries what clients look for on a fetch", () => {
    const { fetch, rotator } = rig(ok);
    const platform = globalThis.fetch as { preconnect?: unknown };
    const before = platform.preconnect;
    const preconnect = (): void => undefined;
    platform.preconnect = preconnect;
    onTestFinished(() => {
      platform.preconnect = before;
    });
    const carried = createRotatingFetch({ rotator, baseURL: origin }) as { Response?: unknown; preconnect?: unknown };
    expect([carried.Response, carried.preconnect]).toEqual([Response, preconnect]);
    expect(fetch.rotator).toBe(rotator);
    expect(fetch.rotator).toBeInstanceOf(KeyRotator);
  });

  it("calls the inner fetch detached, and looks the platform's up for every call", async () => {
    const receivers: unknown[] = [];
    function detached(this: unknown): Promise<Response> {
      receivers.push(this);
      return Promise.resolve(ok());
    }
    await rig(ok, { fetch: detached }).fetch(chatUrl);
    const before = globalThis.fetch;
    onTestFinished(() => {
      globalThis.fetch = before;
    });
    const late = createRotatingFetch({ keys: [newSecret()], baseURL: origin });
    globalThis.fetch = detached as typeof globalThis.fetch;
    await late(chatUrl);
    expect(receivers).toEqual([undefined, undefined]);
  });

  it("shares a rotator between several fetches", async () => {
    const { rotator, fetch } = rig((_sent, number) => (number === 1 ? limited({ "retry-after": "60" }) : ok()));
    const other = createRotatingFetch({ rotator, baseURL: origin, fetch: () => Promise.resolve(ok()) });
    await fetch(chatUrl, post());
    const selected: string[] = [];
    rotator.on("key-selected", ({ keyId }) => selected.push(keyId));
    await other(chatUrl);
    await other(chatUrl);
    expect(new Set(selected).size).toBe(1);
    expect((await rotator.snapshot()).keys.find(({ state }) => state === "cooling")?.id).not.toBe(selected[0]);
  });

  it("waits for a list of keys that comes later", async () => {
    const secret = newSecret();
    const { fetch, sent } = rig(ok, { keys: () => Promise.resolve(`${secret}, `) });
    await fetch(chatUrl);
    expect(sent[0]?.headers.get("authorization") === `Bearer ${secret}`).toBe(true);
  });

  it("fetches a dynamic secret when it is needed, and again when it was refused", async () => {
    const secrets = [newSecret(), newSecret()];
    let asked = 0;
    const secret = () => ({ secret: secrets[asked++] as string, expiresAt: Number.MAX_SAFE_INTEGER });
    const answer = ({ headers }: { headers: Headers }): Response =>
      headers.get("authorization") === `Bearer ${secrets[0]}` ? new Response(null, { status: 401 }) : ok();
    const { fetch, sent } = rig(answer, { keys: [{ id: "vault", secret }] });
    expect((await fetch(chatUrl)).status).toBe(200);
    expect((await fetch(chatUrl)).status).toBe(200);
    const bearers = secrets.map((each) => `Bearer ${each}`);
    expect(sent.map(({ headers }) => bearers.indexOf(headers.get("authorization") ?? ""))).toEqual([0, 1, 1]);
    expect(asked).toBe(2);
  });
});

describe("RotatingFetch.with", () => {
  it("tells its tags with every event, and adds those of later calls", async () => {
    const { fetch, rotator } = rig((_sent, number) => (number === 1 ? limited() : ok()));
    const tags: unknown[] = [];
    for (const name of ["key-selected", "attempt-failed", "attempt-succeeded"] as const) {
      rotator.on(name, (event) => tags.push(event.tags));
    }
    const tagged = fetch.with({ tags: { tenant: "a" } });
    await tagged(chatUrl, post());
    expect(tags).toEqual(Array(4).fill({ tenant: "a" }));
    tags.length = 0;
    await fetch(chatUrl, post());
    expect(new Set(tags)).toEqual(new Set([undefined]));
    expect(tagged.rotator).toBe(rotator);
    expect((tagged as { Response?: unknown }).Response).toBe(Response);
  });

  it("keeps earlier options when more are added", async () => {
    const { fetch, rotator, clock } = rig(() => limited({ "retry-after": "2" }), { keyCount: 1 });
    const tags: unknown[] = [];
    rotator.on("key-selected", (event) => tags.push(event.tags));
    const both = fetch.with({ tags: { tenant: "a" } }).with({ deadline: clock.wall() + 10 });
    expect((await both(chatUrl, post())).status).toBe(429);
    expect(tags).toEqual([{ tenant: "a" }]);
  });

  it.each([
    [{ deadline: "soon" }, "Expected `with.deadline` to be a number >= 0, got `soon` (string)"],
    [{ tags: { a: 1 } }, "Expected `with.tags.a` to be a string, got number"],
    [{ priority: "high" }, "Expected `with.priority` to be a number, got `high` (string)"],
    [{ deadline: 1_795_000_000 }, "Expected `with.deadline` to be epoch milliseconds, got `1795000000` (number)"],
    [{ affinity: 5 }, "Expected `with.affinity` to be a non-empty string, got `5` (number)"],
    [
      { prio: 1 },
      "Expected `with` to have only known fields, got `prio`. Known are deadline, priority, affinity, account, provider, tags",
    ],
    [undefined, "Expected `with` to be an object, got `undefined`"],
  ])("refuses %j", (options, message) => {
    expect(() => rig(ok).fetch.with(options as never)).toThrow(message);
  });
});
