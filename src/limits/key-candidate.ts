import type { Candidate, Need } from "./store.ts";

/** A need whose amount is set anew for every request. */
export type OwnNeed = { -readonly [field in keyof Need]: Need[field] };

export interface OwnCandidate extends Candidate {
  readonly needs: readonly OwnNeed[];
  /** Those of them that count tokens. */
  readonly ofTokens: readonly OwnNeed[] | undefined;
}

/** Sets what a request is expected to use. More than a limit holds is asked as all of it: then nothing else may be counted. */
export function fillTokens(needs: readonly OwnNeed[], input: number, output: number): void {
  for (const need of needs) {
    const { dimension, limit } = need.bucket;
    const wanted = dimension === "inputTokens" ? input : dimension === "outputTokens" ? output : input + output;
    need.amount = Math.min(limit, Math.ceil(wanted));
  }
}
