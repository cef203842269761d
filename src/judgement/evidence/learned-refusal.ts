import type { RefusedAttempt } from "../../ports.ts";
import type { RefusalCounts } from "./refusal-counts.ts";

/** What a kind of refusal turned out to mean. */
export interface LearnedRefusal {
  readonly provider: string;
  readonly status: number | null;
  /** `account`: others serve what is refused like this. `request`: others refuse it alike. */
  readonly means: "account" | "request";
  readonly rule: string;
}

/** What is known now and was not told yet. */
export function learnedFrom({ lease, status }: RefusedAttempt, counts: RefusalCounts): LearnedRefusal | undefined {
  const means = counts.isOfAccounts ? "account" : counts.isOfRequests ? "request" : undefined;
  if (means === undefined || counts.told === means) return undefined;
  counts.told = means;
  const verdict = means === "account" ? 'kind: "forbidden", scope: "account", failover: true' : 'kind: "bad_request"';
  return {
    provider: lease.provider,
    status,
    means,
    rule: `{ status: ${status}, words: "…", verdict: { ${verdict} } }`,
  };
}
