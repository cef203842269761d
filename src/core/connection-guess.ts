/** Clients and servers keep idle connections for about four seconds: what was open in two periods of two is believed open. */
const periodMs = 2000;

/**
 * Guesses which requests open a connection: those beyond the number that were under way at once lately. They reach the
 * provider later than the others, and so are counted later.
 */
export class ConnectionGuess {
  #periodStart = 0;
  #peak = 0;
  #peakBefore = 0;

  /** Is the request that makes it `inFlight` at this time opening a connection? */
  isOpening(inFlight: number, now: number): boolean {
    const elapsedMs = now - this.#periodStart;
    if (elapsedMs > periodMs) {
      this.#peakBefore = elapsedMs > 2 * periodMs ? 0 : this.#peak;
      this.#peak = 0;
      this.#periodStart = now;
    }
    const opening = inFlight > this.#peak && inFlight > this.#peakBefore;
    if (inFlight > this.#peak) this.#peak = inFlight;
    return opening;
  }
}
