import type { Usage } from "../types.ts";
import type { Amounts, BucketTerms, Candidate, Need } from "./store.ts";

/** What a bucket was really charged; the estimate stands where nothing was told of its dimension. */
export function realAmount(bucket: BucketTerms, estimate: number, amounts: Amounts | undefined): number {
  return amounts?.[bucket.dimension] ?? estimate;
}

/** What an answer told of tokens, by dimension. */
export function amountsOf({ inputTokens, outputTokens, totalTokens }: Usage): Amounts {
  const both = inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens;
  return { inputTokens, outputTokens, tokens: totalTokens ?? both };
}

/** Do amounts of this bucket differ from request to request? Then any amount counts as room. */
export function amountVaries({ dimension }: BucketTerms): boolean {
  return dimension !== "requests" && dimension !== "concurrency";
}

/** All that would be taken for a candidate: for its account, then for its caller. */
export function needsOf({ needs, callerNeeds }: Candidate): readonly Need[] {
  return callerNeeds === undefined || callerNeeds.length === 0 ? needs : [...needs, ...callerNeeds];
}
