import { needsOf } from "../../../limits/amounts.ts";
import type { Bucket, Candidate, Counted, Need, Refusal, ScopeState } from "../../../limits/store.ts";
import type { ScopeId } from "../../../types.ts";
import type { RedisReservation } from "../wire/answer.ts";

/** Beyond so many, what was seen first is forgotten. */
const mostRemembered = 50_000;

interface Seen {
  left: number;
  /** Which of all that was said told it last. */
  saidAs: number;
}

/** What the server last said of buckets and scopes: from this, shares are reckoned when it says nothing. */
export class LastSeen {
  readonly #buckets = new Map<string, Seen>();
  readonly #cooldowns = new Map<ScopeId, ScopeState>();
  #said = 0;

  onGrant({ needs, left }: RedisReservation): void {
    this.#said++;
    for (const [place, { bucket }] of needs.entries()) this.#see(bucket.id, Math.max(0, left[place] ?? 0), this.#said);
  }

  /** What was taken without the server's knowledge is not left either. */
  onUse(charges: readonly Need[]): void {
    for (const { bucket, amount } of charges) {
      this.#see(bucket.id, Math.max(0, this.leftIn(bucket) - amount), this.saidOf(bucket.id));
    }
  }

  onRefusal({ now, blocked }: Refusal, candidates: readonly Candidate[]): void {
    this.#said++;
    for (const { index, by, until, source, reason } of blocked) {
      if (source !== undefined) {
        this.onCooldowns([
          { scope: by, now, until: until as number, startedAt: now, reason: reason ?? "", source, strikes: 0 },
        ]);
        continue;
      }
      const need = needsOf(candidates[index] as Candidate).find(({ bucket }) => bucket.id === by);
      // It has less than was asked for.
      if (need !== undefined) this.#see(by, Math.min(this.leftIn(need.bucket), need.amount - 1), this.#said);
    }
  }

  /** What somebody who knows says is used already is not left. */
  onCounted(atLeast: readonly Counted[]): void {
    for (const { bucket, used } of atLeast) {
      const left = Math.max(0, Math.min(this.leftIn(bucket), bucket.limit - used));
      this.#see(bucket.id, left, this.saidOf(bucket.id));
    }
  }

  onCooldowns(states: readonly ScopeState[]): void {
    for (const state of states) {
      this.#cooldowns.delete(state.scope);
      if (state.until > state.now) this.#cooldowns.set(state.scope, state);
    }
    bound(this.#cooldowns);
  }

  get cooling(): Iterable<ScopeState> {
    return this.#cooldowns.values();
  }

  leftIn({ id, limit }: Bucket): number {
    return Math.min(limit, this.#buckets.get(id)?.left ?? limit);
  }

  /** Grows whenever the server says anything of this bucket. */
  saidOf(id: string): number {
    return this.#buckets.get(id)?.saidAs ?? 0;
  }

  #see(id: string, left: number, saidAs: number): void {
    const seen = this.#buckets.get(id);
    if (seen === undefined) {
      this.#buckets.set(id, { left, saidAs });
      bound(this.#buckets);
    } else {
      seen.left = left;
      seen.saidAs = saidAs;
    }
  }
}

function bound(map: Map<string, unknown>): void {
  if (map.size <= mostRemembered) return;
  const [oldest] = map.keys();
  map.delete(oldest as string);
}
