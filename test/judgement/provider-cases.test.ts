import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ErrorClassifier } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { providerNamed } from "../../src/named/presets.ts";
import type { Classification, ClassificationContext } from "../../src/types.ts";

interface ProviderCase {
  readonly id: string;
  readonly provider: string;
  readonly context?: ClassificationContext;
  readonly transport?: { readonly name: string; readonly message: string; readonly cause?: { readonly code?: string } };
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown };
  readonly now: string;
  readonly expect: Classification;
}

const file = fileURLToPath(new URL("../fixtures/provider-cases.json", import.meta.url));
const cases = JSON.parse(readFileSync(file, "utf8")) as readonly ProviderCase[];

/** Cases whose expectation we hold to be wrong, with the reason; at most five. */
const heldWrong: Readonly<Record<string, string>> = {
  // A caller's abort is an AbortError, a timer's a TimeoutError: https://dom.spec.whatwg.org/#interface-AbortSignal
  "net-abort-by-caller": "expects `timeout`; an abort by the caller is told apart from it as `aborted`",
};

function judge({ provider, response, transport, context, now }: ProviderCase): Classification {
  const classifier = new ErrorClassifier({ provider: providerNamed(provider) });
  const input = { context, now: Date.parse(now) };
  if (transport === undefined) return classifier.classify({ ...input, ...response });
  const error = Object.assign(new Error(transport.message, { cause: transport.cause }), { name: transport.name });
  return classifier.classify({ ...input, error });
}

describe("provider cases", () => {
  it.each(cases.map((entry) => [entry.id, entry] as const))("%s", (id, entry) => {
    const { retryAfterMs, kind, failover, disableKey, scope, window, dimension } = judge(entry);
    const wanted = entry.expect;
    if (id in heldWrong) {
      expect({ kind, scope, failover, disableKey }).toEqual({
        kind: "aborted",
        scope: "request",
        failover: false,
        disableKey: false,
      });
      return;
    }
    expect({ kind, failover, disableKey, scope, window, dimension }).toEqual({
      kind: wanted.kind,
      failover: wanted.failover,
      disableKey: wanted.disableKey,
      scope: wanted.scope,
      window: wanted.window,
      dimension: wanted.dimension,
    });
    if (wanted.retryAfterMs === null || retryAfterMs === null) expect(retryAfterMs).toBe(wanted.retryAfterMs);
    else expect(Math.abs(retryAfterMs - wanted.retryAfterMs)).toBeLessThanOrEqual(1000);
  });

  it("holds at most five expectations wrong", () => {
    expect(Object.keys(heldWrong).length).toBeLessThanOrEqual(5);
  });
});
