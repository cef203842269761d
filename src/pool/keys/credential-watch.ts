import type { Classification, ClassificationContext, Clock } from "../../types.ts";
import type { Lease } from "../lease.ts";
import type { PooledKey } from "./key-pool.ts";

/** Refusals of other keys count as one event with this one for so long: an outage, or a header gone wrong. */
const recentMs = 60_000;
/** A key is given up when its credential was refused so often in a row, each time after the rest that followed the last. */
const refusalsToDisable = 3;
/** How finely it is noted when a key last worked: every success would be a write for nothing. */
const successGrainMs = 10_000;

/** Knows each key's history with its provider: what a refusal means depends on it. */
export class CredentialWatch {
  readonly #clock: Clock;
  /** Latest refusal of a credential, by key. */
  readonly #refusedAt = new Map<PooledKey, number>();
  /** When any key worked last. */
  #workedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the classifier may know of the key it judges. */
  contextOf({ key }: Lease): ClassificationContext {
    const now = this.#clock.monotonic();
    let others = 0;
    for (const [other, at] of this.#refusedAt) {
      if (now - at > recentMs) this.#refusedAt.delete(other);
      else if (other !== key) others++;
    }
    return {
      keyAgeMs: now - key.addedAt,
      everSucceeded: key.everSucceeded,
      lastSuccessAgoMs: key.everSucceeded ? now - key.lastSuccessAt : undefined,
      otherKeys401Recently: others,
      credentialType: key.isDynamic ? "dynamic" : undefined,
    };
  }

  succeeded(key: PooledKey, now: number): void {
    this.#workedAt = now;
    if (!key.everSucceeded || now - key.lastSuccessAt > successGrainMs) {
      key.everSucceeded = true;
      key.lastSuccessAt = now;
    }
    if (key.refusals === 0) return;
    key.refusals = 0;
    this.#refusedAt.delete(key);
  }

  /** Notes a refusal, and tells whether the key is to be given up. */
  refused({ key, startedAt }: Lease, { disableKey }: Classification): boolean {
    const now = this.#clock.monotonic();
    const isOutage = this.#takeBack(key, now);
    this.#refusedAt.set(key, now);
    // What was under way when it was refused before tells nothing new.
    if (startedAt <= key.refusedAt) return false;
    key.refusedAt = now;
    key.refusals = disableKey && !isOutage ? key.refusals + 1 : 0;
    return key.refusals >= refusalsToDisable && !key.isDynamic;
  }

  /**
   * Several keys are refused and none has worked lately: it is no key's fault, neither the first one's nor that of those
   * that were judged at once. Tells whether it is so.
   */
  #takeBack(key: PooledKey, now: number): boolean {
    if (now - this.#workedAt <= recentMs) return false;
    let isOutage = false;
    for (const [other, at] of this.#refusedAt) {
      if (other === key || now - at > recentMs) continue;
      other.refusals = 0;
      isOutage = true;
    }
    return isOutage;
  }
}
