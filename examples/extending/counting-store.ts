import type { Candidate, Refusal, Reservation, ReserveOptions, Store } from "rotating-fetch";
import { MemoryStore } from "rotating-fetch";

/** Counts in memory, and how often it had to say no. */
export class CountingStore extends MemoryStore implements Store {
  refusals = 0;

  override reserve(candidates: readonly Candidate[], options: ReserveOptions): Reservation | Refusal {
    const answer = super.reserve(candidates, options);
    if (!answer.granted) this.refusals++;
    return answer;
  }
}
