import type { Classification, ClassifyHook, Policy, RotatorEvents } from "rotating-fetch";
import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { overruleBy } from "../../src/judgement/classification-hooks.ts";
import { readingOf } from "../../src/judgement/provider-reading.ts";
import { providerNamed } from "../../src/named/presets.ts";
import { chatUrl, limited, networkError, ok, post, refusal, rig } from "../fetch/fixture.ts";

const generic = providerNamed("generic");

/** A judgement on an answer, with what went wrong on the way to it. */
function judge(status: number, hooks: { classify?: unknown; policy?: Policy }, headers = {}) {
  const failures: unknown[] = [];
  const overrule = overruleBy(hooks as { classify?: ClassifyHook }, (error) => failures.push(error));
  const judged = readingOf(generic).classify({ status, headers, body: "{}", now: 0 }, overrule);
  return { judged, failures };
}

const plain = (status: number, headers = {}): Classification =>
  new ErrorClassifier({ provider: generic }).classify({ status, headers, body: "{}", now: 0 });

describe("policy", () => {
  const stated = { "retry-after": "7" };
  it.each<[string, number, Policy, Partial<Classification>]>([
    ["disable", 403, { 403: "disable" }, { kind: "invalid_key", scope: "key", failover: true, disableKey: true }],
    ["disable", 500, { server_error: "disable" }, { kind: "invalid_key", retryable: false, disableKey: true }],
    ["cooldown", 404, { 404: "cooldown" }, { kind: "rate_limit", scope: "key", sharedBy: "key", failover: true }],
    ["cooldown", 503, { 503: "cooldown" }, { kind: "rate_limit", retryAfterMs: 7_000, failover: true }],
    ["cooldown", 402, { quota_exhausted: "cooldown" }, { kind: "quota_exhausted", scope: "account", failover: true }],
    ["failover", 404, { 404: "failover" }, { kind: "bad_request", scope: "request", failover: true }],
    ["failover", 500, { 500: "failover" }, { kind: "server_error", scope: "request", failover: true }],
    ["return", 429, { 429: "return" }, { kind: "bad_request", scope: "request", failover: false, retryable: false }],
    ["retry", 404, { 404: "retry" }, { kind: "bad_request", scope: "request", failover: false, retryable: true }],
    ["retry", 429, { rate_limit: "retry" }, { retryAfterMs: 7_000, failover: false, retryable: true }],
  ])("makes of %s for a %i what it says (%j)", (_action, status, policy, expected) => {
    expect(judge(status, { policy }, stated).judged).toMatchObject(expected);
  });

  it("goes by the status before the kind, and leaves other answers alone", () => {
    const policy: Policy = { 429: "return", rate_limit: "disable", 404: undefined };
    expect(judge(429, { policy }).judged.failover).toBe(false);
    for (const status of [400, 401, 404, 500]) expect(judge(status, { policy }).judged).toEqual(plain(status));
  });

  it("keeps to what was checked when the object is changed later", () => {
    const policy: Record<number, "return" | "failover"> = { 404: "failover" };
    const overrule = overruleBy({ policy }, () => {});
    policy[404] = "return";
    expect(readingOf(generic).classify({ status: 404, now: 0 }, overrule).failover).toBe(true);
  });

  it("sends a request on to the next key with failover, and puts no key into cooldown", async () => {
    const { fetch, rotator, keysUsed } = rig(({ key }) => (key === 0 ? refusal(404) : ok()), {
      policy: { 404: "failover" },
    });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1]);
    expect((await rotator.snapshot()).keys.map(({ cooldowns }) => cooldowns.length)).toEqual([0, 0]);
  });

  it("hands a 429 over with return, and puts no key into cooldown", async () => {
    const { fetch, rotator, keysUsed } = rig(() => limited({ "retry-after": "30" }), { policy: { 429: "return" } });
    expect((await fetch(chatUrl, post())).status).toBe(429);
    expect(keysUsed()).toEqual([0]);
    expect((await rotator.snapshot()).keys.map(({ cooldowns }) => cooldowns.length)).toEqual([0, 0]);
  });

  it("puts the key into cooldown with cooldown", async () => {
    const { fetch, rotator } = rig(({ key }) => (key === 0 ? refusal(418) : ok()), { policy: { 418: "cooldown" } });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    const { keys } = await rotator.snapshot();
    expect(keys.map(({ cooldowns }) => cooldowns.map(({ scope, reason }) => [scope.split(":")[0], reason]))).toEqual([
      [["key", "rate_limit"]],
      [],
    ]);
  });
});

describe("classify", () => {
  it("may overrule single fields, and leaves the rest as it was judged", () => {
    const { judged } = judge(429, { classify: () => ({ retryAfterMs: 5, scope: undefined }) });
    expect(judged).toEqual({ ...plain(429), retryAfterMs: 5 });
  });

  it("gives another kind its own meaning where it leaves that open", () => {
    expect(judge(400, { classify: () => ({ kind: "rate_limit", sharedBy: "account" }) }).judged).toEqual({
      ...plain(400),
      kind: "rate_limit",
      scope: "key",
      sharedBy: "account",
      retryable: true,
      failover: true,
    });
    expect(judge(401, { classify: () => ({ kind: "overloaded" }) }).judged.disableKey).toBe(false);
  });

  it("sees the answer and our judgement, after the policy", () => {
    const seen: unknown[] = [];
    const classify = (...args: unknown[]) => void seen.push(args);
    expect(judge(404, { policy: { 404: "failover" }, classify }).judged.failover).toBe(true);
    expect(seen).toEqual([
      [
        { status: 404, headers: {}, body: "{}", now: 0 },
        { ...plain(404), scope: "request", sharedBy: "request", failover: true },
      ],
    ]);
  });

  it.each([
    ["it throws", () => JSON.parse("")],
    ["it answers nothing that is a judgement", () => "rate_limit"],
    ["it answers null", () => null],
    ["it answers a list", () => [{ kind: "rate_limit" }]],
    ["it names an unknown kind", () => ({ kind: "toString" })],
    ["it names an unknown scope", () => ({ scope: "team" })],
    ["it names an unknown field", () => ({ retryAfter: 5 })],
    ["it states a delay that is none", () => ({ retryAfterMs: Number.NaN })],
    ["it states a delay without end", () => ({ retryAfterMs: Number.POSITIVE_INFINITY })],
    ["it answers a promise", () => Promise.resolve({ kind: "rate_limit" })],
    ["it answers a promise that fails", () => Promise.reject(new Error("lost"))],
  ])("is told of, and our judgement stays, when %s", (_what, classify) => {
    const { judged, failures } = judge(404, { classify });
    expect(judged).toEqual(plain(404));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(Error);
  });

  it("cannot change our judgement by writing into it", () => {
    const classify = (_input: unknown, judged: { kind: string }) => {
      judged.kind = "nonsense";
      throw new Error("after all");
    };
    expect(judge(404, { classify }).judged).toEqual(plain(404));
  });

  it("decides what becomes of a refused call", async () => {
    const classify: ClassifyHook = ({ body }) =>
      typeof body === "string" && body.includes("slot_taken") ? { kind: "rate_limit", retryAfterMs: 2_000 } : undefined;
    const { fetch, keysUsed } = rig(({ key }) => (key === 0 ? refusal(409, "slot_taken") : ok()), { classify });
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(keysUsed()).toEqual([0, 1, 1]);
  });

  it("has a refusal that it calls none told as a success, and puts no key into cooldown", async () => {
    const { fetch, rotator, keysUsed } = rig(() => limited(), { classify: () => ({ kind: "none" }) });
    const told: unknown[] = [];
    rotator.on("attempt-succeeded", ({ status }) => told.push(status));
    rotator.on("attempt-failed", (event) => told.push(event));
    expect((await fetch(chatUrl, post())).status).toBe(429);
    expect((await fetch(chatUrl, post())).status).toBe(429);
    expect([told, keysUsed()]).toEqual([
      [429, 429],
      [0, 1],
    ]);
  });

  it("is asked about failures without an answer too", async () => {
    const classify: ClassifyHook = ({ error }) => (error === undefined ? undefined : { failover: true });
    const failing = rig(({ key }) => (key === 0 ? Promise.reject(networkError("ECONNRESET")) : ok()), { classify });
    expect((await failing.fetch(chatUrl, post())).status).toBe(200);
    expect(failing.keysUsed()).toEqual([0, 1]);
  });

  it("fails no call when it fails, and an event tells", async () => {
    const told: RotatorEvents["internal-error"][] = [];
    const fault = new Error("a bug of the hook");
    const { fetch, rotator } = rig(({ key }) => (key === 0 ? limited() : ok()), {
      classify: () => {
        throw fault;
      },
    });
    rotator.on("internal-error", (event) => told.push(event));
    expect((await fetch(chatUrl, post())).status).toBe(200);
    expect(told).toEqual([{ part: "classify", error: fault }]);
  });
});
