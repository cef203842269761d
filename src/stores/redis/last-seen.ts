import type { Bucket, Candidate, Need, Refusal, ScopeId, ScopeState } from "../store.ts";
import type { RedisReservation } from "./redis-reservation.ts";

/** Beyond so many, what was seen first is forgotten. */
const mostRemembered = 50_000;

/** What the server last said of buckets and scopes: from this, shares are reckoned when it says nothing. */
export class LastSeen {
  readonly #left = new Map<string, number>();
  readonly #rests = new Map<ScopeId, ScopeState>();

  granted({ needs, left }: RedisReservation): void {
    for (const [place, { bucket }] of needs.entries()) this.#left.set(bucket.id, Math.max(0, left[place] ?? 0));
    bound(this.#left);
  }

  /** What was taken without the server's knowledge is not left either. */
  took(charges: readonly Need[]): void {
    for (const { bucket, amount } of charges) {
      this.#left.set(bucket.id, Math.max(0, this.leftIn(bucket) - amount));
    }
    bound(this.#left);
  }

  refused({ now, blocked }: Refusal, candidates: readonly Candidate[]): void {
    for (const { index, by, until, source, reason } of blocked) {
      if (source !== undefined) {
        this.rests([
          { scope: by, now, until: until as number, startedAt: now, reason: reason ?? "", source, strikes: 0 },
        ]);
        continue;
      }
      const need = candidates[index]?.needs.find(({ bucket }) => bucket.id === by);
      // It has less than was asked for.
      if (need !== undefined) this.#left.set(by, Math.min(this.#left.get(by) ?? need.amount - 1, need.amount - 1));
    }
  }

  rests(states: readonly ScopeState[]): void {
    for (const state of states) {
      this.#rests.delete(state.scope);
      if (state.until > state.now) this.#rests.set(state.scope, state);
    }
    bound(this.#rests);
  }

  get resting(): Iterable<ScopeState> {
    return this.#rests.values();
  }

  leftIn({ id, limit }: Bucket): number {
    return Math.min(limit, this.#left.get(id) ?? limit);
  }
}

function bound(map: Map<string, unknown>): void {
  if (map.size <= mostRemembered) return;
  const [oldest] = map.keys();
  map.delete(oldest as string);
}
