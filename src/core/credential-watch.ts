import type { Classification, ClassificationContext, Clock } from "../types.ts";
import type { PooledKey } from "./key-pool.ts";
import type { Lease } from "./lease.ts";

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
  readonly #refusedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the classifier may know of the key it judges. */
  contextOf({ key }: Lease): ClassificationContext {
    const now = this.#clock.monotonic();
    let others = 0;
    for (const [id, at] of this.#refusedAt) {
      if (now - at > recentMs) this.#refusedAt.delete(id);
      else if (id !== key.id) others++;
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
    if (!key.everSucceeded || now - key.lastSuccessAt > successGrainMs) {
      key.everSucceeded = true;
      key.lastSuccessAt = now;
    }
    if (key.refusals === 0) return;
    key.refusals = 0;
    this.#refusedAt.delete(key.id);
  }

  /** Notes a refusal, and tells whether the key is to be given up. */
  refused({ key, startedAt }: Lease, { disableKey }: Classification): boolean {
    const now = this.#clock.monotonic();
    this.#refusedAt.set(key.id, now);
    // What was under way when it was refused before tells nothing new.
    if (startedAt <= key.refusedAt) return false;
    key.refusedAt = now;
    key.refusals = disableKey ? key.refusals + 1 : 0;
    return key.refusals >= refusalsToDisable && !key.isDynamic;
  }
}
