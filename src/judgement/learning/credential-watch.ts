import type { LeaseFacts, LeaseRefusal, LeaseResult, Observer, PoolObserver } from "../../ports.ts";
import type { Clock } from "../../types.ts";

/** Refusals of other keys count as one event with this one for so long: an outage, or a header gone wrong. */
const recentMs = 60_000;
/** A key is given up when its credential was refused so often in a row, each time after the cooldown that followed the last. */
const refusalsToGiveUp = 3;

/** What became of one credential since it last worked. */
interface History {
  readonly credential: string | undefined;
  /** Monotonic time of the refusal that counted last. */
  refusedAt: number;
  /** How often in a row it was refused for good. */
  refusals: number;
}

export interface CredentialWatchParts {
  readonly clock: Clock;
  /** When any key worked last, monotonic. */
  readonly workedAt: () => number;
  /** The credential that was refused is dead. */
  readonly giveUp: (lease: LeaseFacts) => void;
  readonly attach: (observer: Observer) => () => void;
}

/** Knows which credentials were refused, and gives up those that stay refused. Looks at good answers only while it knows any. */
export class CredentialWatch implements PoolObserver {
  readonly #parts: CredentialWatchParts;
  readonly #histories = new Map<string, History>();
  /** Latest refusal of a credential, by key. */
  readonly #refusedAt = new Map<string, number>();
  #stopLooking: (() => void) | undefined;

  constructor(parts: CredentialWatchParts) {
    this.#parts = parts;
  }

  /** How many other keys were refused lately. */
  othersRefused(keyId: string): number {
    if (this.#refusedAt.size === 0) return 0;
    const now = this.#parts.clock.monotonic();
    let others = 0;
    for (const [other, at] of this.#refusedAt) {
      if (now - at > recentMs) this.#refusedAt.delete(other);
      else if (other !== keyId) others++;
    }
    return others;
  }

  /** It is to begin anew. */
  forget(keyId: string): void {
    this.#histories.delete(keyId);
    if (this.#histories.size > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  keyRemoved({ id }: { readonly id: string }): void {
    this.forget(id);
    this.#refusedAt.delete(id);
  }

  /** What is refused is a secret: one that the key has no more says nothing of it. */
  refused(lease: LeaseFacts, { classification }: LeaseRefusal): void {
    if (classification.kind !== "invalid_key" || lease.isOutdated) return;
    const { keyId, startedAt } = lease;
    const now = this.#parts.clock.monotonic();
    const isOutage = this.#takeBack(keyId, now);
    this.#refusedAt.set(keyId, now);
    const history = this.#historyOf(lease);
    // What was under way when it was refused before tells nothing new.
    if (startedAt <= history.refusedAt) return;
    history.refusedAt = now;
    // A status alone never gives a key up: words or codes must name the credential.
    const isWordForWord = classification.disableKey && classification.strength === "certain";
    history.refusals = isWordForWord && !isOutage ? history.refusals + 1 : 0;
    if (history.refusals < refusalsToGiveUp) return;
    this.forget(keyId);
    this.#parts.giveUp(lease);
  }

  #historyOf({ keyId, credential }: LeaseFacts): History {
    const known = this.#histories.get(keyId);
    if (known !== undefined && known.credential === credential) return known;
    const history = { credential, refusedAt: Number.NEGATIVE_INFINITY, refusals: 0 };
    this.#histories.set(keyId, history);
    this.#stopLooking ??= this.#parts.attach({ ended: (lease, result) => this.#ended(lease, result) });
    return history;
  }

  #ended({ keyId }: LeaseFacts, { outcome }: LeaseResult): void {
    if (outcome !== "success" || !this.#histories.has(keyId)) return;
    this.#refusedAt.delete(keyId);
    this.forget(keyId);
  }

  /**
   * Several keys are refused and none has worked lately: it is no key's fault, neither the first one's nor that of those
   * that were classified at once. Tells whether it is so.
   */
  #takeBack(keyId: string, now: number): boolean {
    if (now - this.#parts.workedAt() <= recentMs) return false;
    let isOutage = false;
    for (const [other, at] of this.#refusedAt) {
      if (other === keyId || now - at > recentMs) continue;
      const history = this.#histories.get(other);
      if (history !== undefined) history.refusals = 0;
      isOutage = true;
    }
    return isOutage;
  }
}
