import { describe, expect, it } from "vitest";
import { holdsError, normaliseEnvelope } from "../../../src/judgement/reading/envelope.ts";

const m = "it went wrong";

describe("normaliseEnvelope", () => {
  it.each<[string, unknown, object]>([
    ["error object", { error: { message: m, type: "t", code: "c" } }, { message: m, type: "t", code: "c" }],
    ["null code", { error: { message: m, type: "t", code: null } }, { message: m, type: "t", code: null }],
    ["code None", { error: { message: m, type: "None", code: "None" } }, { message: m, type: null, code: null }],
    ["numeric code", { error: { message: m, code: 429 } }, { message: m, code: "429", effectiveStatus: 429 }],
    ["error text", { error: m, code: "c" }, { message: m, code: "c" }],
    ["bare error text", { error: m }, { message: m, code: null, type: null }],
    ["errors object", { errors: { message: m } }, { message: m }],
    ["errors list", { errors: [{ message: m, code: 4006 }], success: false }, { message: m, code: "4006" }],
    [
      "list around it",
      [{ error: { message: m, code: 400, status: "INVALID_ARGUMENT" } }],
      { message: m, code: "400", type: "INVALID_ARGUMENT", effectiveStatus: 400 },
    ],
    [
      "typed error",
      { type: "error", error: { type: "overloaded_error", message: m } },
      { message: m, type: "overloaded_error", effectiveStatus: 529 },
    ],
    ["flat", { object: "error", message: m, type: "t", code: "1300" }, { message: m, type: "t", code: "1300" }],
    [
      "code, message, data",
      { code: 50602, message: m, data: null },
      { message: m, code: "50602", effectiveStatus: null },
    ],
    ["message only", { message: m }, { message: m }],
    ["detail text", { detail: m }, { message: m }],
    ["detail list", { detail: [{ loc: ["body"], msg: m, type: "missing" }] }, { message: m }],
    [
      "problem",
      { type: "about:blank", title: "Payment Required", status: 402, detail: m },
      { message: m, effectiveStatus: 402 },
    ],
    ["problem without detail", { title: m, status: 429 }, { message: m, effectiveStatus: 429 }],
    ["httpStatus text", { httpStatus: "429 TOO_MANY_REQUESTS", detail: m }, { message: m, effectiveStatus: 429 }],
    ["base_resp", { base_resp: { status_code: 1039, status_msg: m } }, { message: m, code: "1039" }],
    ["code, msg", { code: 401, msg: m, success: false }, { message: m, code: "401", effectiveStatus: 401 }],
    ["statusCode", { statusCode: 429, message: m }, { message: m, effectiveStatus: 429 }],
    ["JSON text", JSON.stringify({ error: { message: m } }), { message: m }],
    ["JSON string", JSON.stringify(m), { message: m }],
    ["plain text", m, { message: m }],
    ["choice", { choices: [{ error: { code: 502, message: m } }] }, { message: m, effectiveStatus: 502 }],
    [
      "response event",
      { type: "response.failed", response: { error: { code: "c", message: m } } },
      { message: m, code: "c" },
    ],
    ["event stream", `: ping\n\nevent: error\ndata: {"error":{"message":"${m}"}}\n\n`, { message: m }],
    ["later event", `data: {"id":1}\n\ndata: {"error":{"message":"${m}","type":"t"}}\n\n`, { message: m, type: "t" }],
    ["cut off", `{"error":{"message":"${m}","code":"c","param":{"x":`, { message: m, code: "c" }],
    ["empty", "", { message: null, code: null, type: null, effectiveStatus: null }],
    ["nothing", undefined, { message: null, details: [] }],
  ])("reads the envelope: %s", (_name, body, expected) => {
    expect(normaliseEnvelope(body)).toMatchObject(expected);
  });

  it("offers details, metadata, the error and the body for further facts, in that order", () => {
    const body = { error: { message: m, details: [{ a: 1 }], metadata: { b: 2 } }, c: 3 };
    expect(normaliseEnvelope(body).details).toEqual([{ a: 1 }, { b: 2 }, body.error, body]);
  });

  it("survives getters that throw, cycles and revoked proxies", () => {
    const cyclic: { message: string; error?: unknown } = { message: m };
    cyclic.error = cyclic;
    expect(normaliseEnvelope(cyclic).message).toBe(m);
    const hostile = Object.defineProperty({ message: m }, "error", {
      get() {
        throw new Error("no");
      },
    });
    expect(normaliseEnvelope(hostile).message).toBe(m);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(normaliseEnvelope(proxy).message).toBeNull();
  });

  it("cuts what is too long to be a message", () => {
    expect(normaliseEnvelope("x".repeat(100_000)).message?.length).toBeLessThan(65_537);
  });
});

describe("holdsError", () => {
  it.each([
    [{ error: { message: m } }],
    [{ error: m }],
    [{ errors: [{ message: m }] }],
    [{ base_resp: { status_code: 1002 } }],
    [{ choices: [{ error: { code: 502 } }] }],
    [[{ error: { code: 429 } }]],
  ])("finds the error in %j", (body) => {
    expect(holdsError(body)).toBe(true);
  });

  it.each([
    [{ error: null }],
    [{ error: {} }],
    [{ error: "" }],
    [{ errors: [], result: {}, success: true }],
    [{ data: { viewer: 1 }, errors: [{ message: m }] }],
    [{ base_resp: { status_code: 0, status_msg: "success" } }],
    [{ choices: [{ message: { content: '{"error":{"message":"rate limit"}}' } }] }],
    [{ detail: { message: m } }],
    [{ output: "error: insufficient_quota" }],
    [[{ id: 1 }, { id: 2 }]],
    ["error"],
    [null],
  ])("sees no error in %j", (body) => {
    expect(holdsError(body)).toBe(false);
  });
});
