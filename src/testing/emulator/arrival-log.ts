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
  readonly method: string;
  /** Path and query; a credential in the query is replaced by `<credential>`. */
  readonly path: string;
  readonly model: string | undefined;
  /** Status of the answer; `null` until its headers are sent, and for good when they never were. */
  readonly status: number | null;
  readonly judged: Judged;
  /** As received, names in lower case. Includes the credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Lower-case hex. */
  readonly bodySha256: string;
  readonly bodyBytes: number;
  /** Whether the client went away before the answer was complete. */
  readonly aborted: boolean;
}

/** The log's own view of an entry: what is known only while the answer goes out. */
export type LoggedArrival = { -readonly [Field in keyof Arrival]: Arrival[Field] };

/**
 * The largest number of `arrivals` in any half-open window `(t - windowMs, t]`. They must be in the order of their
 * `at`. A provider with the limit `requests` per `windowMs` was never overrun if this is at most `requests`.
 */
export function maxInWindow(arrivals: readonly Pick<Arrival, "at">[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, arrival] of arrivals.entries()) {
    while (arrival.at - arrivals[first]!.at >= windowMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
