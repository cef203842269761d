import { AllKeysExhaustedError } from "../../src/errors.ts";
import type { KeyRotator } from "../../src/named/key-rotator.ts";
import type { Lease } from "../../src/pool/lease.ts";
import type { AcquireRequest } from "../../src/pool/rotator-options.ts";
import type { Classification } from "../../src/types.ts";
import type { ClearRoom } from "./clear-room.ts";
import type { Draws } from "./draws.ts";
import type { Grant, Run, Use } from "./run.ts";
import type { Counted, SimulatedProvider } from "./simulated-provider.ts";
import type { SimulatedTime } from "./simulated-time.ts";
import { isPromised, limitsFor, type PlannedKey, type World } from "./world.ts";

export interface ClientParts {
  readonly world: World;
  readonly time: SimulatedTime;
  readonly draws: Draws;
  readonly rotator: KeyRotator;
  readonly provider: SimulatedProvider;
  readonly run: Run;
  readonly room: ClearRoom;
}

/** One request that holds a key. */
interface Attempt {
  readonly lease: Lease;
  readonly key: PlannedKey;
  readonly use: Use;
  readonly grant: Grant;
  readonly done: () => void;
  counted: Counted | undefined;
  ended: boolean;
  /** When it reaches the provider. */
  arrivesAt: number;
}

class GivenUp extends Error {}

const refused: Classification = {
  kind: "rate_limit",
  scope: "account",
  sharedBy: "account",
  window: null,
  dimension: null,
  retryAfterMs: null,
  retryable: true,
  failover: true,
  disableKey: false,
  strength: "certain",
};
const failed: Classification = {
  ...refused,
  kind: "server_error",
  scope: "provider",
  sharedBy: "provider",
  failover: false,
};

/** A rotator's word that comes so much after it was due is late; milliseconds. */
const slackMs = 1;

/** Those who make requests: each asks for a key, sends, reads the answer, and gives the key back. */
export class SimulatedClients {
  readonly #parts: ClientParts;
  readonly #places = new Map<string, number>();
  /** Requests that wait for a word, and those that hold a key. */
  open = 0;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    for (const [place, key] of parts.world.keys.entries()) this.#places.set(key.id, place);
  }

  /** Makes a request now; `done` is told when it is over, and after how long it may be made again. */
  ask(done: (waitMs: number) => void = () => undefined): void {
    const { world, time, draws, rotator, run } = this.#parts;
    const use = this.#drawUse();
    const { priorities, deadlineShare, abortShare, maxWaitMs } = world.requests;
    const horizonMs = maxWaitMs ?? 10_000;
    const deadline = draws.chance(deadlineShare) ? time.wall() + horizonMs * draws.between(-0.1, 1.2) : undefined;
    const controller = abortShare > 0 && draws.chance(abortShare) ? new AbortController() : undefined;
    const request: AcquireRequest = {
      model: use.model,
      tokens: use.estimate,
      priority: priorities.length === 0 ? undefined : draws.pick(priorities),
      deadline,
      signal: controller?.signal,
    };
    run.asked++;
    this.open++;
    let attempt: Attempt | undefined;
    if (controller !== undefined) {
      time.plan(time.now + draws.exponential(horizonMs * 0.3), "machine", () => {
        controller.abort(new GivenUp());
        if (attempt !== undefined) this.#giveUp(attempt);
      });
    }
    const waitMs = Math.min(horizonMs, deadline === undefined ? horizonMs : Math.max(0, deadline - time.wall()));
    const dueAt = time.monotonic() + waitMs + world.timerLagMs + this.#askingMs() + slackMs;
    const granted = (lease: Lease): void => {
      attempt = this.#send(lease, use, done);
      // It was given up while the answer of a store was under way: a caller throws the lease away.
      if (controller?.signal.aborted) this.#giveUp(attempt);
    };
    const got = rotator.acquire(request);
    if (!(got instanceof Promise)) {
      granted(got);
      return;
    }
    const asleepBefore = time.asleepMs;
    const checkTime = (what: string): void => {
      if (time.asleepMs === asleepBefore && time.monotonic() > dueAt) {
        run.late.push(`${what} ${(time.monotonic() - dueAt).toFixed(1)} ms after it was due`);
      }
    };
    got.then(
      (lease) => {
        checkTime("a key");
        granted(lease);
      },
      (error: unknown) => {
        checkTime("a refusal");
        this.#refused(error, use.model, done);
      },
    );
  }

  #refused(error: unknown, model: string | undefined, done: (waitMs: number) => void): void {
    const { run, room, time } = this.#parts;
    this.open--;
    if (error instanceof GivenUp) run.aborted++;
    else if (error instanceof AllKeysExhaustedError) run.exhausted++;
    else run.unexpected.push(String(error));
    if (!(error instanceof AllKeysExhaustedError)) {
      done(0);
      return;
    }
    const unused = room.unused(model, time.now);
    if (unused !== undefined) run.unused.push(`${unused} for ${model ?? "no model"} at ${time.now.toFixed(1)} ms`);
    done(error.retryAfterMs ?? 1000);
  }

  #drawUse(): Use {
    const { world, draws } = this.#parts;
    const { models, inputTokens, outputTokens, estimate } = world.requests;
    const input = draws.integer(...inputTokens);
    const output = draws.integer(...outputTokens);
    const factor = draws.between(...estimate);
    return {
      model: models.length === 0 ? undefined : draws.pick(models),
      input,
      output,
      estimate: { input: Math.max(1, Math.ceil(input * factor)), output: Math.ceil(output * factor) },
    };
  }

  #send(lease: Lease, use: Use, done: (waitMs: number) => void): Attempt {
    const { world, time, draws, run } = this.#parts;
    const place = this.#places.get(lease.keyId) as number;
    const grant: Grant = { ...use, at: time.now, key: place, endedAt: 0 };
    run.grants.push(grant);
    const key = world.keys[place] as PlannedKey;
    const over = (): void => {
      this.open--;
      done(0);
    };
    const attempt: Attempt = { lease, key, use, grant, done: over, counted: undefined, ended: false, arrivesAt: 0 };
    const delayMs = this.#delay();
    attempt.arrivesAt = time.now + delayMs;
    if (draws.chance(world.requests.unsentShare)) {
      time.plan(time.now + delayMs, "machine", () => this.#end(attempt, { outcome: "failure", sent: "no" }));
    } else {
      time.plan(time.now + delayMs, "world", () => this.#arrive(attempt));
    }
    return attempt;
  }

  #arrive(attempt: Attempt): void {
    const { world, time, draws, provider, run } = this.#parts;
    const { key, use } = attempt;
    const arrival = { key, model: use.model, inputTokens: use.input, outputTokens: use.output };
    const decision = provider.arrive(arrival, time.now, time.trueWall);
    if (decision.refusedBy !== undefined) {
      const { id: limitId = "" } = decision.refusedBy;
      const limit = limitsFor(world, key).find(({ id }) => id === limitId);
      const promised = limit !== undefined && isPromised(world, limit);
      run.overshoots.push({ at: time.now, limitId, keyId: key.id, isPromised: promised });
      const { retryAfterMs } = decision;
      time.plan(time.now + this.#delay(), "machine", () => {
        attempt.lease.answered();
        this.#end(attempt, { outcome: "failure", classification: { ...refused, retryAfterMs } });
      });
      return;
    }
    attempt.counted = decision.counted;
    const { thinkMs, streamMs, failureShare } = world.requests;
    const headersAt = time.now + draws.between(...thinkMs);
    const isFailure = draws.chance(failureShare);
    const endAt = headersAt + (isFailure ? 0 : draws.between(...streamMs));
    const backMs = this.#delay();
    time.plan(headersAt + backMs, "machine", () => {
      if (!attempt.ended) attempt.lease.answered();
    });
    time.plan(endAt, "world", () => this.#finish(attempt));
    time.plan(endAt + backMs, "machine", () => {
      if (isFailure) this.#end(attempt, { outcome: "failure", classification: failed });
      else this.#end(attempt, { outcome: "success", usage: usageOf(use) });
    });
  }

  /** The caller wants it no more: the key is given back at once, the provider learns of it a little later. */
  #giveUp(attempt: Attempt): void {
    if (attempt.ended) return;
    const { time } = this.#parts;
    this.#end(attempt, { outcome: "aborted" });
    // Word of it does not overtake the request.
    time.plan(Math.max(attempt.arrivesAt, time.now + this.#delay()), "world", () => this.#finish(attempt));
  }

  #finish({ counted }: Attempt): void {
    const { provider, time } = this.#parts;
    if (counted !== undefined) provider.finish(counted, time.now);
  }

  #end(attempt: Attempt, result: Parameters<Lease["settle"]>[0]): void {
    if (attempt.ended) return;
    attempt.ended = true;
    attempt.grant.endedAt = this.#parts.time.now;
    attempt.lease.settle(result);
    attempt.done();
  }

  /** What asking a store may take before a wait begins: three rounds, there and back, by timers that are late. */
  #askingMs(): number {
    const { store, storeDelayMs, timerLagMs } = this.#parts.world;
    return store === "memory" ? 0 : 8 * (storeDelayMs + timerLagMs);
  }

  #delay(): number {
    const { leastMs, spreadMs } = this.#parts.world.network;
    return leastMs + spreadMs * this.#parts.draws.random();
  }
}

function usageOf({ input, output }: Use): { inputTokens: number; outputTokens: number; totalTokens: number } {
  return { inputTokens: input, outputTokens: output, totalTokens: input + output };
}
