/**
 * Who may be asked for behind others. A request for much finds no room where one for little does, so those behind it may
 * overtake it, but not for ever: nobody is overtaken more than eight times, and no more than eight are passed by at once.
 */
export const mostOvertakings = 8;

/** A store that is asked over a network is asked for so many at once. */
export const mostAsked = 64;

/** What the question about one waiter came to: it was served, wanted more than there was, or there was nothing at all. */
export type Answer = "served" | "too-large" | "nothing";

/**
 * May the next one be asked for?
 * @param ahead how often each of those ahead that found too little has been overtaken, this answer counted
 * @param overtaken the same of the one that was asked for
 */
export function mayGoOn(answer: Answer, ahead: readonly number[], overtaken: number): boolean {
  if (answer === "served") return ahead.every((times) => times < mostOvertakings);
  return answer === "too-large" && overtaken < mostOvertakings && ahead.length + 1 < mostOvertakings;
}

/** For how many may be asked at once, behind those that want something else and were overtaken so often? */
export function mostAskedBehind(ahead: readonly number[]): number {
  return ahead.reduce((most, times) => Math.min(most, mostOvertakings - times), mostAsked);
}
