import type { BucketTerms, Candidate, Need } from "./store.ts";

/** An amount that is set anew for every request. */
export interface OwnAmount {
  readonly bucket: BucketTerms;
  amount: number;
}

/** A need of such an amount. */
export type OwnNeed = OwnAmount & Need;

export interface OwnCandidate extends Candidate {
  /** Those of its needs that count tokens. */
  readonly ofTokens: readonly OwnAmount[] | undefined;
}

/** Sets what a request is expected to use. More than a limit holds is asked as all of it: then nothing else may be counted. */
export function fillTokens(amounts: readonly OwnAmount[], input: number, output: number): void {
  for (const each of amounts) {
    const { dimension, limit } = each.bucket;
    const wanted = dimension === "inputTokens" ? input : dimension === "outputTokens" ? output : input + output;
    each.amount = Math.min(limit, Math.ceil(wanted));
  }
}
