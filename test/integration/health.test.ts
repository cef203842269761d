import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  createRotatingFetch,
  InvalidOptionsError,
  MemoryStore,
  type ProbeRequest,
  type RotatingFetchOptions,
} from "../../src/index.ts";
import {
  FakeClock,
  openaiError,
  rateLimited,
  type Script,
  type Step,
  type StepFunction,
  unauthorized,
} from "../../src/testing/index.ts";
import { limited, networkError, ok, post, refusal, rig, type Sent } from "../fetch/fixture.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

const minuteMs = 60_000;
const target = "https://api.example.test/v1/x";
const isProbe = ({ url }: Sent): boolean => url.endsWith("/models");

/** An emulated provider with one key, "a", "b", …, per script. */
async function emulated(scripts: readonly Script[], options: Partial<RotatingFetchOptions> = {}) {
  const keys = scripts.map((script, place) => {
    const name = String.fromCharCode(97 + place);
    const always = typeof script === "function" ? {} : (script.at(-1) ?? {});
    return { secret: newSecret(), name, script, always };
  });
  const emulator = await startEmulator({ keys });
  const fetch = createRotatingFetch({
    provider: "openai",
    baseURL: emulator.baseURL,
    keys: keys.map(({ secret, name }) => ({ id: name, secret })),
    ...options,
  });
  const send = async (): Promise<number> => {
    const response = await fetch(`${emulator.baseURL}/chat/completions`, chat("rotating"));
    await response.text();
    return response.status;
  };
  const script = (place: number, next: Script): void => {
    emulator.key(keys[place]?.secret as string).script(next);
  };
  return { emulator, fetch, rotator: fetch.rotator, send, script, secrets: keys.map(({ secret }) => secret) };
}

const completion = {
  method: "POST",
  path: "/chat/completions",
  body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hi" }], max_tokens: 1 }),
} as const;

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("check", () => {
  it("tells of every key what its provider said, and never the key", async () => {
    // The provider quotes the key it refuses.
    const quoting: StepFunction = ({ headers }) => {
      const message = `Incorrect API key provided: ${headers["authorization"]?.slice(7)}.`;
      return { status: 401, body: openaiError(message, "invalid_request_error", "invalid_api_key") };
    };
    const { rotator, emulator, secrets } = await emulated([[], quoting, [rateLimited()], [{ status: 500 }]]);
    const report = await rotator.check();
    expect([report.good, report.total]).toEqual([1, 4]);
    expect(report.keys.map(({ id, verdict, status }) => [id, verdict, status])).toEqual([
      ["a", "good", 200],
      ["b", "refused", 401],
      ["c", "limited", 429],
      ["d", "provider_trouble", 500],
    ]);
    expect(report.keys[0]?.message).toBeNull();
    expect(report.keys[1]?.message).toBe("Incorrect API key provided: [secret].");
    for (const { elapsedMs, masked } of report.keys) {
      expect(elapsedMs).toBeGreaterThanOrEqual(0);
      expect(masked).toMatch(/^test-.*\.\.\./);
    }
    for (const each of secrets) expect(JSON.stringify(report)).not.toContain(each);
    expect(emulator.arrivals.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(4).fill("GET /v1/models"));
  });

  it("takes a request of one's own as the probe", async () => {
    const { rotator, emulator, send } = await emulated([
      [rateLimited({ retryAfterSeconds: 60 })],
      [],
      [unauthorized()],
    ]);
    const { keys, good, total } = await rotator.check(completion);
    expect(keys.map(({ verdict, status }) => [verdict, status])).toEqual([
      ["limited", 429],
      ["good", 200],
      ["refused", 401],
    ]);
    expect([good, total]).toEqual([1, 3]);
    emulator.clear();
    expect([await send(), await send()]).toEqual([200, 200]);
    expect(emulator.arrivals.map(({ keyName }) => keyName)).toEqual(["b", "b"]);
  });

  it("has a key that works again used again at once", async () => {
    const { rotator, emulator, send, script } = await emulated([[unauthorized()], []]);
    await send();
    expect((await rotator.snapshot()).keys[0]?.state).toBe("refused");
    script(0, []);
    expect((await rotator.check()).good).toBe(2);
    expect((await rotator.snapshot()).keys[0]?.state).toBe("ready");
    emulator.clear();
    for (let count = 0; count < 4; count++) await send();
    expect(emulator.arrivals.map(({ keyName }) => keyName).sort()).toEqual(["a", "a", "b", "b"]);
  });

  it("has an account used again that has credit again, when the probe is one that is paid for", async () => {
    const noCredit: Step = { status: 429, body: openaiError("No credit.", "insufficient_quota", "insufficient_quota") };
    const { rotator, emulator, send, script } = await emulated([[noCredit], []]);
    await send();
    script(0, []);
    emulator.clear();
    expect((await rotator.check()).keys.map(({ verdict }) => verdict)).toEqual(["no_quota", "good"]);
    emulator.clear();
    for (let count = 0; count < 2; count++) await send();
    expect(emulator.arrivals.map(({ keyName }) => keyName)).toEqual(["b", "b"]);
    expect((await rotator.check(completion)).good).toBe(2);
    emulator.clear();
    for (let count = 0; count < 4; count++) await send();
    expect(emulator.arrivals.map(({ keyName }) => keyName).sort()).toEqual(["a", "a", "b", "b"]);
  });

  it("rests only the model that a probe was refused for", async () => {
    const message = "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 20s.";
    const answer = ({ key, init }: Sent): Response =>
      key === 0 && String(init.body).includes("gpt-x")
        ? Response.json(openaiError(message, "tokens", "rate_limit_exceeded"), { status: 429 })
        : ok();
    const { fetch, rotator, sent, keysUsed } = rig(answer, { provider: "openai" });
    const report = await rotator.check({ method: "POST", path: "/chat/completions", body: '{"model":"gpt-x"}' });
    expect(report.keys.map(({ verdict }) => verdict)).toEqual(["limited", "good"]);
    sent.length = 0;
    for (let count = 0; count < 2; count++) await fetch(target, post('{"model":"gpt-x"}'));
    expect(keysUsed()).toEqual([1, 1]);
    for (let count = 0; count < 2; count++) await fetch(target, post('{"model":"gpt-y"}'));
    expect(keysUsed().slice(2).sort()).toEqual([0, 1]);
  });

  it("probes keys that are switched off, and leaves them off", async () => {
    const { rotator, sent } = rig(ok);
    const [first] = (await rotator.snapshot()).keys;
    rotator.disable(first?.id as string);
    expect((await rotator.check({ path: "/models" })).good).toBe(2);
    expect(sent).toHaveLength(2);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["disabled", "ready"]);
  });

  it("switches a key on again that had been given up for its credential, and no other", async () => {
    let isRefused = true;
    const { rotator, fetch, clock } = rig(
      ({ key }) => (key === 0 && isRefused ? refusal(401, "invalid_api_key") : ok()),
      {
        provider: "openai",
        keyCount: 3,
      },
    );
    const [first, second] = (await rotator.snapshot()).keys.map(({ id }) => id) as [string, string];
    rotator.disable(second);
    for (let hour = 0; hour < 12; hour++) {
      for (let count = 0; count < 4; count++) await fetch(target, post());
      await clock.advance(60 * minuteMs);
    }
    const enabled = async (): Promise<boolean[]> => (await rotator.snapshot()).keys.map((key) => key.enabled);
    expect(await enabled()).toEqual([false, false, true]);
    isRefused = false;
    const told: string[] = [];
    rotator.on("key-enabled", ({ keyId }) => told.push(keyId));
    expect((await rotator.check()).good).toBe(3);
    expect(await enabled()).toEqual([true, false, true]);
    expect(told).toEqual([first]);
  });

  it("asks with the current secret of a key whose secret is fetched", async () => {
    const secret = newSecret();
    const { rotator, sent } = rig(ok, { keys: [{ id: "vault", secret: async () => secret }] });
    expect((await rotator.check({ path: "/models" })).keys[0]).toMatchObject({ id: "vault", verdict: "good" });
    expect(sent[0]?.headers.get("authorization")).toBe(`Bearer ${secret}`);
  });

  it("reports a key whose secret cannot be fetched, and goes on", async () => {
    const failing = (): never => {
      throw new Error("vault is sealed");
    };
    const { rotator } = rig(ok, { keys: [{ id: "vault", secret: failing }, newSecret()] });
    const parts: string[] = [];
    rotator.on("internal-error", ({ part }) => parts.push(part));
    const { keys, good } = await rotator.check({ path: "/models" });
    expect([keys[0]?.verdict, good, parts, rotator.inFlight]).toEqual(["failed", 1, ["secret"], 0]);
  });

  it.each(["generic", "nvidia-nim"] as const)(
    "of provider %s wants a probe, because none is known that proves anything",
    async (provider) => {
      const { rotator, sent } = rig(ok, { provider });
      expect(await reasonOf(rotator.check())).toMatchObject({ code: "ERR_INVALID_OPTIONS", field: "probe" });
      expect(sent).toEqual([]);
    },
  );

  it.each<[string, unknown]>([
    ["probe.path", {}],
    ["probe.pth", { pth: "/models" }],
    ["probe.path", { path: "" }],
    ["probe", "/models"],
    ["probe", null],
    ["probe.body", { path: "/models", method: "POST", body: {} }],
    ["probe.method", { path: "/models", method: "PUT" }],
    ["probe.method", { path: "/models", body: "{}" }],
    ["probe.headers.x-team", { path: "/models", headers: { "x-team": 5 } }],
  ])("names %s of a probe that cannot be sent, sends nothing and lets nothing rest: %j", async (field, probe) => {
    const { rotator, sent } = rig(ok);
    const error = await reasonOf(rotator.check(probe as ProbeRequest));
    expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS", field });
    const { keys } = await rotator.snapshot();
    expect([sent, keys.flatMap(({ cooldowns }) => cooldowns), rotator.inFlight]).toEqual([[], [], 0]);
  });

  it("sends no secret to another origin", async () => {
    const { rotator, sent } = rig(ok);
    for (const path of ["https://elsewhere.example.test/models", "HTTPS://elsewhere.example.test/models"]) {
      const error = await reasonOf(rotator.check({ path }));
      expect(InvalidOptionsError.isInstance(error) && error.field).toBe("probe.path");
    }
    await rotator.check({ path: "//elsewhere.example.test/models" });
    expect(new Set(sent.map(({ url }) => new URL(url).origin))).toEqual(new Set(["https://api.example.test"]));
    expect(rotator.inFlight).toBe(0);
  });

  it("does not begin once the rotator is closed, and sends no further probe when it closes meanwhile", async () => {
    const release: (() => void)[] = [];
    const answer = (): Promise<Response> => new Promise((resolve) => release.push(() => resolve(ok())));
    const { rotator, sent } = rig(answer, { keyCount: 30 });
    const check = rotator.check({ path: "/models" });
    await expect.poll(() => sent.length).toBe(10);
    await rotator.close();
    for (const go of release) go();
    const { good, keys } = await check;
    expect([good, sent.length, keys.filter(({ verdict }) => verdict === "not_probed").length]).toEqual([10, 10, 20]);
    expect(await reasonOf(rotator.check({ path: "/models" }))).toMatchObject({ code: "ERR_ROTATOR_CLOSED" });
  });
});

describe("healthCheck", () => {
  const healthCheck = { intervalMs: minuteMs, path: "/models" };

  it("wants a path when the pool is made, where no probe is known that proves anything", () => {
    const make = (options: Partial<RotatingFetchOptions>): unknown =>
      rig(ok, { provider: "nvidia-nim", healthCheck: { intervalMs: minuteMs }, ...options });
    expect(() => make({})).toThrow(expect.objectContaining({ code: "ERR_INVALID_OPTIONS", field: "healthCheck.path" }));
    expect(() => make({ healthCheck })).not.toThrow();
    expect(() => make({ provider: "openai" })).not.toThrow();
  });

  it("leaves a key alone that fails where others work, and uses it again when it recovers", async () => {
    let isSick = true;
    const answer = (request: Sent): Response => (isProbe(request) && request.key === 0 && isSick ? refusal(503) : ok());
    const { fetch, rotator, clock, sent, keysUsed } = rig(answer, { healthCheck });
    await clock.advance(minuteMs);
    expect(sent.filter(isProbe)).toHaveLength(2);
    expect((await rotator.snapshot()).keys[0]?.cooldowns.map(({ reason }) => reason)).toEqual(["unhealthy"]);
    sent.length = 0;
    for (let count = 0; count < 3; count++) await fetch(target, post());
    expect(keysUsed()).toEqual([1, 1, 1]);

    isSick = false;
    await clock.advance(minuteMs);
    sent.length = 0;
    for (let count = 0; count < 4; count++) await fetch(target, post());
    expect(keysUsed().sort()).toEqual([0, 0, 1, 1]);
  });

  it.each<[string, () => Response]>([
    ["503", () => refusal(503)],
    [
      "a connection that is refused",
      () => {
        throw networkError("ECONNREFUSED");
      },
    ],
  ])("rests no key when all of them meet %s", async (_what, fail) => {
    const { fetch, rotator, clock, sent, keysUsed } = rig((request) => (isProbe(request) ? fail() : ok()), {
      healthCheck,
      keyCount: 3,
    });
    await clock.advance(3 * minuteMs);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
    sent.length = 0;
    for (let count = 0; count < 3; count++) await fetch(target, post());
    expect(keysUsed().sort()).toEqual([0, 1, 2]);
  });

  it("gives no key up while the provider refuses all of them for hours", async () => {
    let isConfused = true;
    const answer = (): Response => (isConfused ? refusal(401, "invalid_api_key") : ok());
    const { fetch, rotator, clock, sent, keysUsed } = rig(answer, {
      healthCheck: { ...healthCheck, intervalMs: 5 * minuteMs },
      keyCount: 3,
    });
    const disabled: string[] = [];
    rotator.on("key-disabled", ({ keyId }) => disabled.push(keyId));
    await clock.advance(180 * minuteMs);
    isConfused = false;
    await clock.advance(6 * minuteMs);
    expect(disabled).toEqual([]);
    sent.length = 0;
    for (let count = 0; count < 3; count++) await fetch(target, post());
    expect(keysUsed().sort()).toEqual([0, 1, 2]);
  });

  it("does not give a new key up that its provider does not know yet", async () => {
    const answer = ({ key }: Sent): Response => (key === 0 ? refusal(401, "invalid_api_key") : ok());
    const { rotator, clock } = rig(answer, { healthCheck: { intervalMs: 10_000, path: "/models" } });
    await clock.advance(4 * minuteMs);
    expect((await rotator.snapshot()).keys.map(({ state }) => state)).toEqual(["refused", "ready"]);
  });

  it("never probes a key twice at a time, over all rotators of a store", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const keys = [newSecret(), newSecret()];
    const open = new Map<number, number>();
    let most = 0;
    let probes = 0;
    const answer = async ({ key }: Sent): Promise<Response> => {
      const now = (open.get(key) ?? 0) + 1;
      probes++;
      most = Math.max(most, now);
      open.set(key, now);
      await new Promise<void>((resolve) => clock.timer(resolve, 8000));
      open.set(key, now - 1);
      return ok();
    };
    const often = { healthCheck: { intervalMs: 10_000, path: "/models" }, keys, store, clock };
    const places = (secret: string | null) => keys.findIndex((key) => secret === `Bearer ${key}`);
    const shared = (request: Sent) => answer({ ...request, key: places(request.headers.get("authorization")) });
    rig(shared, { ...often, random: () => 0.5 });
    rig(shared, { ...often, random: () => 0.7 });
    await clock.advance(5 * minuteMs);
    expect(most).toBe(1);
    expect(probes).toBeGreaterThan(20);
  });

  it("does not ask at the same moment everywhere: intervals differ by a tenth", async () => {
    const firstProbeAt = async (random: number): Promise<number> => {
      let at = 0;
      const { clock } = rig(
        () => {
          at ||= clock.monotonic();
          return ok();
        },
        { healthCheck, random: () => random },
      );
      await clock.advance(2 * minuteMs);
      return at;
    };
    expect(await firstProbeAt(0)).toBe(54_000);
    expect(await firstProbeAt(0.5)).toBe(60_000);
    expect(await firstProbeAt(0.999)).toBeCloseTo(65_988);
  });

  it("ends with the rotator", async () => {
    const { rotator, clock, sent } = rig(() => limited(), { healthCheck });
    await rotator.close();
    await clock.advance(5 * minuteMs);
    expect([sent.length, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("does not keep a process alive", async () => {
    const program = fileURLToPath(new URL("health-process.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", program], { stdio: "ignore", timeout: 25_000 });
    const ended = await new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
    expect(ended).toEqual({ code: 0, signal: null });
  }, 30_000);
});
