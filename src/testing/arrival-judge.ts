import type { Clock } from "../types.ts";
import { clock, flag, optional, shaped, unexpected } from "./checks.ts";
import { LimitJudge } from "./limits/limit-judge.ts";
import { assertProviderLimit, type ProviderLimit } from "./limits/provider-limit.ts";

/** A request that asks to be judged. */
export interface JudgedRequest {
  /** Name of the key: any string that no other key has. */
  readonly key: string;
  /** Name of the account the key belongs to. @default the key is its own account */
  readonly account?: string | undefined;
  readonly model?: string | undefined;
  /** An integer of at least 0. @default 0 */
  readonly inputTokens?: number | undefined;
  /** An integer of at least 0. @default 0 */
  readonly outputTokens?: number | undefined;
  /** The limits in force for this key now. */
  readonly limits: readonly ProviderLimit[];
}

/** What the judge says. */
export interface Verdict {
  readonly accepted: boolean;
  /** Milliseconds until the same request would be accepted if no other one came; 0 when it was accepted, `Infinity` when it never would be. */
  readonly retryAfterMs: number;
  /** The limit that holds the request back for longest. */
  readonly limit?: ProviderLimit | undefined;
}

/** Settings of an {@link ArrivalJudge}. */
export interface ArrivalJudgeOptions {
  readonly clock: Clock;
  /** Whether a refused request counts as a request too, as with some providers. @default false */
  readonly countRefused?: boolean | undefined;
}

const checkOptions = shaped<ArrivalJudgeOptions>({ clock, countRefused: optional(flag) });

/**
 * Decides whether a provider with strict limits accepts a request that arrives now: a {@link LimitJudge} with a clock,
 * for limits that only count arrivals. An arrival at `t` is counted with those in `(t - window, t]`, with those since the
 * window's first use, or with those in the same calendar period. A rolling `"month"` is 30 days.
 */
export class ArrivalJudge {
  readonly #clock: Clock;
  readonly #judge: LimitJudge;

  constructor(options: ArrivalJudgeOptions) {
    checkOptions("options", options);
    this.#clock = options.clock;
    this.#judge = new LimitJudge([], { countRefused: options.countRefused });
  }

  /** Judges a request that arrives now, and counts it if it is accepted. Throws `InvalidOptionsError` for a limit that cannot be. */
  judge(request: JudgedRequest): Verdict {
    for (const limit of request.limits) {
      assertProviderLimit(limit, "limit");
      // Nobody says here when a request ends, so its slot would never be free again.
      if (limit.concurrency !== undefined) {
        throw unexpected("limit.concurrency", "absent, as arrivals have no end here", limit.concurrency);
      }
    }
    const verdict = this.#judge.arrive({ ...request, at: this.#clock.monotonic(), wall: this.#clock.wall() });
    if (verdict.allowed) return { accepted: true, retryAfterMs: 0 };
    const { retryAfterMs, by } = verdict;
    return { accepted: false, retryAfterMs: retryAfterMs ?? Number.POSITIVE_INFINITY, limit: by.limit };
  }
}
