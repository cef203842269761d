import { describe, expect, it } from "vitest";
import { createRotatingFetch, defineProvider, KeyRotator, type RotatorOptions } from "../../src/index.ts";
import { providerOfKey } from "../../src/pool/rotator-options.ts";
import type { KeyBehaviour } from "../../src/testing/index.ts";
import { chat, newSecret, startEmulator } from "../testing/emulator/fixture.ts";

/** Calls a busy account by a status of its own, counts what comes out twice, and has its key in a header of its own. */
const own = defineProvider({
  extends: "openai",
  name: "own/gateway",
  origins: ["https://gateway.example"],
  credential: { header: "x-own-key" },
  errors: [{ status: 409, verdict: { kind: "rate_limit", scope: "account", sharedBy: "account", reset: 60_000 } }],
  headers: [],
  usage: { input: ["usage.total_tokens"], output: ["usage.completion_tokens"] },
  probe: { method: "GET", path: "/models?own", proves: "credential" },
});

/** Two accounts of one name, each at a provider of its own, in one pool. */
async function pool(behaviours: Readonly<Record<"a" | "b", KeyBehaviour>>, options: Partial<RotatorOptions> = {}) {
  const secrets = { a: newSecret(), b: newSecret() };
  const reply = { completionTokens: 7 };
  const atOwn = await startEmulator({
    ...reply,
    keys: [{ ...behaviours.a, secret: secrets.a }],
    credential: { header: "x-own-key" },
  });
  const atOpenai = await startEmulator({
    ...reply,
    keys: [{ ...behaviours.b, secret: secrets.b }],
    credential: { header: "authorization", scheme: "Bearer" },
  });
  const places = { a: atOwn, b: atOpenai };
  const rotator = new KeyRotator({
    provider: "openai",
    keys: (["a", "b"] as const).map((id) => ({
      id,
      secret: secrets[id],
      account: "acme",
      baseURL: places[id].baseURL,
    })),
    maxWaitMs: 0,
    ...options,
    [providerOfKey]: ({ id }: { id: string }) => (id === "a" ? own : undefined),
  } as RotatorOptions);
  const fetch = createRotatingFetch({ rotator, baseURL: atOpenai.baseURL });
  const call = async (): Promise<number> => {
    const response = await fetch(`${atOpenai.baseURL}/chat/completions`, chat("any"));
    await response.text();
    return response.status;
  };
  const states = async () => (await rotator.snapshot()).keys.map(({ id, account, state }) => [id, account, state]);
  return { rotator, call, states, atOwn, atOpenai };
}

describe("a pool whose accounts are of several providers", () => {
  it("places a key, and takes a refusal, as the account's own provider does", async () => {
    const { rotator, call, states, atOwn, atOpenai } = await pool({
      a: { always: { status: 409 } },
      b: { script: [{ ok: true }], always: { status: 409 } },
    });
    const cooled: unknown[] = [];
    rotator.on("key-cooled", ({ scope, keyId }) => cooled.push([scope, keyId]));
    // The one's 409 is a limit, and the other account of the same name serves.
    expect(await call()).toBe(200);
    expect([atOwn.arrivals.length, atOpenai.arrivals.length]).toEqual([1, 1]);
    expect(await states()).toEqual([
      ["a", "acme", "cooling"],
      ["b", "acme", "ready"],
    ]);
    // The other's 409 is what it is everywhere.
    expect(await call()).toBe(409);
    expect(cooled).toEqual([["account:acme", "a"]]);
    expect((await states())[1]).toEqual(["b", "acme", "ready"]);
  });

  it("counts the two accounts of one name apart, each by its provider's own word for what was used", async () => {
    const { rotator, call } = await pool(
      { a: {}, b: {} },
      {
        limits: [
          { requests: 1, per: "hour", scope: "account" },
          { tokens: 1000, per: "hour", scope: "account" },
        ],
      },
    );
    expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
    const { keys } = await rotator.snapshot();
    const used = keys.map(({ limits }) => limits.map((limit) => [limit.dimension, limit.used]));
    const [[, [, ofOwn]], [, [, ofOpenai]]] = used as [[unknown, [string, number]], [unknown, [string, number]]];
    expect(used.map(([requests]) => requests)).toEqual([
      ["requests", 1],
      ["requests", 1],
    ]);
    expect(ofOwn - ofOpenai).toBe(7);
  });

  it("probes each key as its provider is probed", async () => {
    const { rotator, atOwn, atOpenai } = await pool({ a: {}, b: {} });
    const { keys } = await rotator.check();
    expect(keys.map(({ id, verdict }) => [id, verdict])).toEqual([
      ["a", "good"],
      ["b", "good"],
    ]);
    expect(atOwn.arrivals.map(({ path }) => path)).toEqual(["/v1/models?own"]);
    expect(atOpenai.arrivals.map(({ path }) => path)).toEqual(["/v1/models"]);
  });

  it("excludes and asks for an account by its name, whosever it is", async () => {
    const { rotator } = await pool({ a: {}, b: {} });
    const request = { exclude: new Set(["acme"]) };
    await expect(Promise.resolve().then(() => rotator.acquire(request))).rejects.toThrow();
    const lease = await rotator.acquire({ account: "acme" });
    expect(lease.account).toBe("acme");
    lease.settle({ outcome: "success" });
  });
});
