import { expectNumber } from "../checks.ts";
import type { Classification, Dimension, Kind, Scope, SharedBy, StatedLimit, Strength, WindowName } from "../types.ts";
import { type Check, durationMs, flag, oneOf, optional, orNull, type Shape, shaped } from "./shape-checks.ts";

/** The words of a union type, all of them: the compiler holds the list to the type. */
function wordsOf<Word extends string>(words: Readonly<Record<Word, true>>): readonly Word[] {
  return Object.keys(words) as Word[];
}

export const kinds = wordsOf<Kind>({
  none: true,
  rate_limit: true,
  quota_exhausted: true,
  invalid_key: true,
  forbidden: true,
  overloaded: true,
  server_error: true,
  bad_request: true,
  content_filter: true,
  context_length: true,
  timeout: true,
  network: true,
  aborted: true,
});

const scopes = wordsOf<Scope>({ request: true, model: true, key: true, account: true, ip: true, provider: true });

const sharers = wordsOf<SharedBy>({
  key: true,
  account: true,
  project: true,
  ip: true,
  provider: true,
  request: true,
});

const windows = wordsOf<WindowName>({ second: true, minute: true, hour: true, day: true, month: true });

const dimensions = wordsOf<Dimension>({
  requests: true,
  tokens: true,
  inputTokens: true,
  outputTokens: true,
  concurrency: true,
});

export const kind = oneOf(kinds);
export const scope = oneOf(scopes);
export const sharedBy = oneOf(sharers);
export const windowName = oneOf(windows);
export const dimension = oneOf(dimensions);
export const resetUnit = oneOf(["duration", "instant", "epoch-seconds", "epoch-ms", "seconds", "ms"]);

const strengths = wordsOf<Strength>({ certain: true, likely: true, unknown: true });

const aboveZero: Check = (field, value) => {
  expectNumber(field, value, { above: 0 });
};

/** What a classification consists of. */
export const classificationShape: Shape<Classification> = {
  kind,
  scope,
  sharedBy,
  window: orNull(windowName),
  dimension: orNull(dimension),
  retryAfterMs: orNull(durationMs),
  retryable: flag,
  failover: flag,
  disableKey: flag,
  strength: oneOf(strengths),
  limit: optional(shaped<StatedLimit>({ amount: aboveZero, dimension, window: orNull(windowName) })),
};
