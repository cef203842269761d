import pRetry from "p-retry";
import { AllKeysExhaustedError } from "../errors.ts";
import type { Clock, Random } from "../types.ts";
import { backoffMs, pause } from "./backoff.ts";
import type { Answer, Step } from "./call.ts";

export interface RepeatOptions {
  readonly retries: number;
  /** How long the caller can be kept waiting from now, milliseconds. */
  readonly patienceMs: () => number;
  /** Told of every pause before it is made, milliseconds. */
  readonly paused: (ms: number) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
}

/** Carries a step through p-retry, which repeats what throws. */
class TransientFailure extends Error {
  readonly step: Step<Answer>;

  constructor(step: Step<Answer>) {
    super("transient failure");
    this.step = step;
  }
}

/** Ends the repeating: the pause asked for is longer than the caller can be kept waiting. */
class GivenUp extends Error {}

/**
 * Repeats what a provider in trouble did not do, after pauses that grow. Returns the step that ended it: the first that is
 * not transient, or the last transient one.
 */
export async function repeatTransient<A extends Answer>(
  failed: Step<A>,
  again: () => Promise<Step<A>>,
  options: RepeatOptions,
): Promise<Step<A>> {
  const { retries, signal } = options;
  let last = failed;
  try {
    return await pRetry(
      async (attempt) => {
        // p-retry pauses only after a failure: the one at hand is handed to it as its first.
        if (attempt > 1) last = await again();
        if (last.next === "repeat") throw new TransientFailure(last);
        return last;
      },
      {
        retries,
        // It has no hook for the delay, so the pause is made where it tells of a failure.
        minTimeout: 0,
        maxTimeout: 0,
        ...(signal === undefined ? undefined : { signal }),
        shouldRetry: ({ error }) => error instanceof TransientFailure,
        onFailedAttempt: ({ error, retriesLeft, attemptNumber }) =>
          error instanceof TransientFailure && retriesLeft > 0
            ? pauseAfter(error.step, attemptNumber, options)
            : undefined,
      },
    );
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const isOurs = error instanceof TransientFailure || error instanceof GivenUp;
    if (!isOurs && !AllKeysExhaustedError.isInstance(error)) throw error;
    return last;
  }
}

function pauseAfter({ classification }: Step<Answer>, attempt: number, options: RepeatOptions): Promise<void> {
  const { clock, random, signal, patienceMs, paused } = options;
  const waitMs = Math.max(backoffMs(attempt, random), classification.retryAfterMs ?? 0);
  // Sitting out a longer time would only make the caller wait for the same refusal.
  if (waitMs > patienceMs()) throw new GivenUp();
  paused(waitMs);
  return pause(waitMs, clock, signal);
}
