import type { Dimension } from "../../types.ts";
import { maxInWindow } from "../limits/max-in-window.ts";
import { modelMatcher } from "../limits/model-pattern.ts";
import type { ProviderLimit } from "../limits/provider-limit.ts";

/** What became of a request: limits let it pass, limits refused it, a script or an outage answered it, or no known key came with it. */
export type Judged = "accepted" | "refused" | "scripted" | "unauthorized";

/** One request as the provider saw it. */
export interface Arrival {
  /** When it was judged, having arrived in full; monotonic milliseconds of the emulator's clock. */
  readonly at: number;
  /** The credential it came with, known or not. */
  readonly secret: string | undefined;
  /** The key's `name`, if it has one. */
  readonly keyName: string | undefined;
  /** The key's `account`, if it has one. */
  readonly account: string | undefined;
  readonly method: string;
  /** Path and query; a credential in the query is replaced by `<credential>`. */
  readonly path: string;
  readonly model: string | undefined;
  /** Status of the answer; `null` until its headers are sent, and for good when they never were. */
  readonly status: number | null;
  readonly judged: Judged;
  /** The limit that held a refused request back for longest. */
  readonly refusedBy: ProviderLimit | undefined;
  /** What the answer costs, or would have cost had it not been refused; 0 for what no limit judged. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** As received, names in lower case. Includes the credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Lower-case hex. */
  readonly bodySha256: string;
  readonly bodyBytes: number;
  /** Whether the client went away before the answer was complete. */
  readonly aborted: boolean;
  /** When the answer had been sent or the connection had closed, on the side of the clock that `at` is on; `null` before. */
  readonly finishedAt: number | null;
}

/** Which accepted requests a question is about. @default all */
export interface ArrivalFilter {
  readonly secret?: string | undefined;
  readonly account?: string | undefined;
  /** `*` matches any run of characters. */
  readonly models?: string | readonly string[] | undefined;
}

/** Which accepted requests, and what of them is summed up. */
export interface UseFilter extends ArrivalFilter {
  /** @default "requests" */
  readonly dimension?: Exclude<Dimension, "concurrency"> | undefined;
}

/** The log's own view of an entry: what is known only while the answer goes out. */
export type LoggedArrival = { -readonly [Field in keyof Arrival]: Arrival[Field] };

/** The most that accepted arrivals used in any half-open window `(t - windowMs, t]`. */
export function maxUseInWindow(arrivals: readonly Arrival[], windowMs: number, filter: UseFilter): number {
  const { secret, account, models, dimension } = filter;
  const fits = modelMatcher(models);
  const accepted = arrivals.filter(
    (arrival) =>
      arrival.judged === "accepted" &&
      (secret === undefined || arrival.secret === secret) &&
      (account === undefined || arrival.account === account) &&
      fits(arrival.model),
  );
  return maxInWindow(accepted, windowMs, dimension);
}
