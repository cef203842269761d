import { readFileSync } from "node:fs";
import { ErrorClassifier } from "rotating-fetch";
import * as entry from "rotating-fetch/providers";
import { describe, expect, it } from "vitest";
import type { Provider } from "../../src/judgement/provider.ts";
import type { Classification } from "../../src/types.ts";

/** An answer as a provider documents it, with what must be made of it. */
interface ServiceCase {
  /** What the answer is about, in our words. */
  readonly is: string;
  readonly provider: string;
  readonly source: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly expect: Partial<Classification>;
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/service-cases.json", import.meta.url), "utf8"),
) as readonly ServiceCase[];
const presets = Object.values(entry).filter((one): one is Provider => typeof one === "object" && "origins" in one);
const now = Date.parse("2026-11-20T12:00:00Z");

describe("answers of services beyond chat", () => {
  it.each(cases)("say of $provider: $is", ({ provider: name, status, headers, body, expect: right }) => {
    const provider = presets.find((preset) => preset.name === name);
    const classifier = new ErrorClassifier({ provider });
    expect(classifier.classify({ status, headers, body, now })).toMatchObject(right);
  });
});
