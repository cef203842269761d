import { describe, expect, it } from "vitest";
import { classifyTransportError } from "../../../src/judgement/reading/transport.ts";

function fetchFailed(code: string, extra: object = {}): Error {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code }, extra) });
}

describe("classifyTransportError", () => {
  it.each([
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ConnectionRefused",
    "FailedToOpenSocket",
  ])("knows that after %s nothing was sent", (code) => {
    expect(classifyTransportError(fetchFailed(code))).toEqual({ kind: "network", sent: "no" });
  });

  it.each(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])("leaves open whether a request ended by %s was sent", (code) => {
    expect(classifyTransportError(fetchFailed(code))).toEqual({ kind: "network", sent: "unknown" });
  });

  it.each(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"])(
    "calls %s a timeout of the transport's own of a request that may run",
    (code) => {
      expect(classifyTransportError(fetchFailed(code))).toEqual({ kind: "timeout", sent: "unknown", isOwnLimit: true });
    },
  );

  it("tells a connect timeout from a read timeout", () => {
    expect(classifyTransportError(fetchFailed("ETIMEDOUT", { syscall: "connect" })).sent).toBe("no");
    expect(classifyTransportError(fetchFailed("ETIMEDOUT", { syscall: "read" }))).toEqual({
      kind: "timeout",
      sent: "unknown",
    });
  });

  it("recognises aborts and timeouts by the platform's own errors", () => {
    expect(classifyTransportError(new DOMException("gone", "AbortError")).kind).toBe("aborted");
    expect(classifyTransportError(new DOMException("late", "TimeoutError")).kind).toBe("timeout");
  });

  it("looks into the attempts of an aggregate error", () => {
    const attempt = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(classifyTransportError(new AggregateError([attempt])).sent).toBe("no");
  });

  it.each([
    ["error sending request for url (https://api.example/): client error (Connect): dns error: no record", "no"],
    ["error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)", "no"],
    ["error sending request: invalid peer certificate: UnknownIssuer", "no"],
    ["terminated", "unknown"],
    ["Failed to fetch", "unknown"],
  ])("reads the words of runtimes without codes: %s", (message, sent) => {
    expect(classifyTransportError(new TypeError(message))).toEqual({ kind: "network", sent });
  });

  it("prefers a code deeper in the chain to the words above it", () => {
    const cause = Object.assign(new Error("x"), { code: "UND_ERR_BODY_TIMEOUT" });
    expect(classifyTransportError(new TypeError("terminated", { cause })).kind).toBe("timeout");
  });

  it("stops after five causes and survives cycles", () => {
    const cyclic = new Error("a") as Error & { cause: unknown };
    cyclic.cause = cyclic;
    expect(classifyTransportError(cyclic)).toEqual({ kind: "network", sent: "unknown" });
    let deep: unknown = Object.assign(new Error("x"), { code: "ENOTFOUND" });
    for (let depth = 0; depth < 6; depth += 1) deep = new Error("y", { cause: deep });
    expect(classifyTransportError(deep).sent).toBe("unknown");
  });

  it.each([[undefined], [null], [7], ["dns error"], [Symbol("x")], [() => {}]])("accepts anything thrown", (thrown) => {
    expect(["network", "timeout", "aborted"]).toContain(classifyTransportError(thrown).kind);
  });
});
