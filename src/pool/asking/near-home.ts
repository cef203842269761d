import { AllKeysExhaustedError } from "../../errors.ts";
import type { RequestShape } from "../../judgement/provider.ts";
import type { Awaitable } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account } from "../keys/pooled-key.ts";
import { type AskedRequest, Lease } from "../lease.ts";
import { Affinity } from "../ready/affinity.ts";
import { availability } from "../ready/availability.ts";
import type { CircuitBreakers } from "../ready/circuit-breakers.ts";
import type { NotNow } from "../ready/not-now.ts";
import { nextEndpointOf } from "../ready/origin-cooldowns.ts";
import type { ReadySet } from "../ready/ready-set.ts";
import type { AcquireRequest } from "../rotator-options.ts";

/** Who gives out keys to requests that belong nowhere. */
export interface Giver {
  pick(readySet: ReadySet, request: AcquireRequest): Awaitable<Lease | NotNow>;
  /** Waits for at most so many milliseconds. */
  wait(readySet: ReadySet, request: AcquireRequest, last: NotNow, maxWaitMs: number): Promise<Lease>;
  acquire(request: AcquireRequest): Awaitable<Lease>;
}

export interface NearHomeHost {
  readonly inFlight: number;
  readonly breakers: CircuitBreakers;
}

/** Has requests of one conversation served where the last one was, while that account can. */
export class NearHome {
  readonly #giver: Giver;
  readonly #host: NearHomeHost;
  readonly #affinity: Affinity;

  constructor(pool: KeyPool, host: NearHomeHost, giver: Giver) {
    this.#giver = giver;
    this.#host = host;
    this.#affinity = new Affinity(pool);
  }

  /**
   * First the account the conversation belongs to, then whichever can serve: it belongs to that one from then on.
   * @param waitMs how long it may wait for its own account
   */
  async acquire(readySet: ReadySet, request: AcquireRequest, waitMs: number): Promise<Lease> {
    const home = this.homeOf(readySet, request);
    const atHome = home === undefined ? null : await this.#acquireAt(home, readySet, request, waitMs);
    const lease = atHome ?? (await this.#giver.acquire(request));
    this.#affinity.record(request.affinity as string, lease.key.account);
    return lease;
  }

  /** The account a conversation belongs to. */
  homeOf(readySet: ReadySet, request: AcquireRequest): Account | undefined {
    const { affinity, account, exclude, avoid, model } = request;
    if (affinity === undefined || account !== undefined) return undefined;
    const { origins } = this.#host.breakers;
    const mayServe = (of: Account): boolean =>
      readySet.availabilityOf(of.slot) !== availability.absent &&
      (exclude === undefined || !of.isIn(exclude)) &&
      avoid?.has(nextEndpointOf(of)) !== true &&
      !origins.isOpen(of, model);
    return this.#affinity.accountFor(affinity, this.#host.inFlight, mayServe);
  }

  /** A key of this account: now, or as soon as a conversation may wait for it. */
  async #acquireAt(home: Account, readySet: ReadySet, request: AcquireRequest, waitMs: number): Promise<Lease | null> {
    const trial = pinnedTo(home.id, request);
    const got = await this.#giver.pick(readySet, trial);
    if (got instanceof Lease) return got;
    if (waitMs <= 0) return null;
    try {
      return await this.#giver.wait(readySet, trial, got, waitMs);
    } catch (error) {
      if (AllKeysExhaustedError.isInstance(error)) return null;
      throw error;
    }
  }
}

/** The same request, for one account only, which nobody is told of. */
function pinnedTo(account: string, request: AskedRequest): AskedRequest {
  const { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline, tags, origin, only } =
    request;
  const findModel = (shape: RequestShape): string | undefined => request.findModel?.(shape);
  const asked = { model, signal, tokens, priority, requestId, endsAt, endedBy, exclude, deadline };
  return Object.assign(asked, { tags, origin, only, findModel, account, isTrial: true });
}
