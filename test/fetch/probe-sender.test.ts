import { describe, expect, it } from "vitest";
import { newSecret } from "../testing/emulator/fixture.ts";
import { hang, ok, rig } from "./fixture.ts";

const verdictOf = async (answer: Parameters<typeof rig>[0]): Promise<unknown> => {
  const { rotator } = rig(answer, { keyCount: 1 });
  return (await rotator.check({ path: "/models" })).keys[0]?.verdict;
};

describe("createProbeSender", () => {
  it.each([
    ["https://api.example.test", "/models", "https://api.example.test/models"],
    ["https://api.example.test/v1", "/models", "https://api.example.test/v1/models"],
    ["https://api.example.test/v1/", "models?limit=1", "https://api.example.test/v1/models?limit=1"],
    [
      "https://api.example.test/v1?version=2",
      "/models?limit=1",
      "https://api.example.test/v1/models?version=2&limit=1",
    ],
    ["https://api.example.test/v1", "https://api.example.test/health", "https://api.example.test/health"],
  ])("asks below the base URL: %s and %s", async (baseURL, path, url) => {
    const { rotator, sent } = rig(ok, { keyCount: 1, baseURL });
    await rotator.check({ path });
    expect(sent[0]?.url).toBe(url);
  });

  it.each([
    "../admin",
    "/models/../../admin",
    "/%2E%2e/admin",
    "/..%2fadmin",
    "a\\..\\b",
    "https://api.example.test/v1/../x",
  ])("refuses a path that leads out of where it is put: %s", async (path) => {
    const { rotator, sent } = rig(ok, { keyCount: 1, baseURL: "https://api.example.test/v1" });
    await expect(rotator.check({ path })).rejects.toMatchObject({ name: "InvalidOptionsError", field: "probe.path" });
    const healthCheck = { intervalMs: 1_000, path };
    expect(() => rig(ok, { healthCheck })).toThrow(expect.objectContaining({ field: "healthCheck.path" }));
    expect([sent.length, rotator.inFlight]).toEqual([0, 0]);
  });

  it("takes dots that lead nowhere, and a preset's own probe beside its base", async () => {
    const { rotator, sent } = rig(ok, { keyCount: 1, baseURL: "https://api.example.test/v1" });
    await rotator.check({ path: "/models/..a/v1..2?next=../x" });
    expect(sent[0]?.url).toBe("https://api.example.test/v1/models/..a/v1..2?next=../x");
    const base = "https://api.cloudflare.com/client/v4/accounts/any/ai/v1";
    const preset = rig(ok, { keyCount: 1, provider: "cloudflare-workers-ai", baseURL: base });
    await preset.rotator.check();
    expect(preset.sent[0]?.url).toContain("/accounts/any/ai/models/search");
  });

  it("asks a key's own endpoint, with its headers and its query", async () => {
    const key = {
      secret: newSecret(),
      baseURL: "https://eu.example.test/api",
      headers: { "x-project": "blue" },
      query: { version: "3" },
    };
    const { rotator, sent } = rig(ok, { keys: [key], baseURL: "https://api.example.test/v1" });
    await rotator.check({ path: "/models" });
    expect(sent[0]?.url).toBe("https://eu.example.test/api/models?version=3");
    expect(sent[0]?.headers.get("x-project")).toBe("blue");
    expect(sent[0]?.headers.get("authorization")).toBe(`Bearer ${key.secret}`);
  });

  it("sends a body as JSON", async () => {
    const { rotator, sent } = rig(ok, { keyCount: 1 });
    await rotator.check({ method: "POST", path: "/chat", body: '{"model":"m"}' });
    expect(sent[0]?.init).toMatchObject({ method: "POST", body: '{"model":"m"}' });
    expect(sent[0]?.headers.get("content-type")).toBe("application/json");
  });

  it("follows no redirect and takes none for a good answer", async () => {
    const { rotator, sent } = rig(() => new Response(null, { status: 302, headers: { location: "/login" } }), {
      keyCount: 1,
    });
    const { keys, good } = await rotator.check({ path: "/models" });
    expect([keys[0]?.verdict, keys[0]?.status, good, sent.length]).toEqual(["failed", 302, 0, 1]);
    expect(sent[0]?.init.redirect).toBe("manual");
  });

  it("takes no page for a good answer", async () => {
    const page = (): Response =>
      new Response("<!doctype html><html><body>Welcome</body></html>", { headers: { "content-type": "text/html" } });
    expect(await verdictOf(page)).not.toBe("good");
  });

  it("gives up a probe that nobody answers, after 20 s", async () => {
    const { rotator, clock, sent } = rig(hang, { keyCount: 1 });
    const check = rotator.check({ path: "/models" });
    await expect.poll(() => sent.length).toBe(1);
    await clock.advance(20_000);
    expect((await check).keys[0]).toMatchObject({ verdict: "unreachable", status: null, elapsedMs: 20_000 });
    expect([clock.pendingTimers, rotator.inFlight]).toEqual([0, 0]);
  });

  it.each([
    ["never answers", () => new Promise<Response>(() => undefined)],
    ["never ends its answer", () => new Response(new ReadableStream())],
  ])("gives up on a fetch that knows no signals and %s", async (_what, answer) => {
    const { rotator, clock, sent } = rig(answer, { keyCount: 1 });
    const check = rotator.check({ path: "/models" });
    await expect.poll(() => sent.length).toBe(1);
    await clock.advance(20_000);
    expect((await check).keys[0]?.verdict).toBe("unreachable");
    expect([clock.pendingTimers, rotator.inFlight]).toEqual([0, 0]);
  });

  it("gives up a probe whose answer never ends", async () => {
    let reads = 0;
    const endless = ({ init }: { init: RequestInit }): Response =>
      new Response(
        new ReadableStream({
          start: (controller) => init.signal?.addEventListener("abort", () => controller.error(init.signal?.reason)),
          pull() {
            reads++;
            return new Promise(() => undefined);
          },
        }),
      );
    const { rotator, clock } = rig(endless, { keyCount: 1 });
    const check = rotator.check({ path: "/models" });
    await expect.poll(() => reads).toBe(1);
    await clock.advance(20_000);
    expect((await check).keys[0]?.verdict).toBe("unreachable");
  });

  it("shortens what a provider says, and takes the key out of it", async () => {
    const { rotator, secrets } = rig(
      ({ headers }) =>
        Response.json({ error: { message: `${headers.get("authorization")} ${"x".repeat(5000)}` } }, { status: 401 }),
      { keyCount: 1 },
    );
    const message = (await rotator.check({ path: "/models" })).keys[0]?.message;
    expect(message).toMatch(/^Bearer \[secret\] x+$/);
    expect(message).toHaveLength(200);
    expect(message).not.toContain(secrets[0]);
  });
});
