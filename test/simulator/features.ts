/**
 * What worlds may hold. Something is off only while the library does not keep its promise there; the reason is named beside
 * it, and goes with the defect. `npm run simulate -- --with <name>` switches one on.
 */
export const features = {
  nastyStore: true,
  calendar: true,
  anchored: true,
  tokens: true,
  concurrency: true,
  ip: true,
  limitModels: true,
  perModel: true,
  keyModels: true,
  priorities: true,
  failures: true,
  /**
   * Requests that connect in vain, or use none of what is counted, where anchored windows count: a window is taken to begin
   * with its first request even when the provider never counted that one.
   */
  emptyOpeners: true,
  /** Requests given up while they hold a place: it is given out again before the provider can know. */
  abortedPlaces: true,
  /** Token limits of many accounts: with most of them nearly used up, a pick takes milliseconds. */
  tokensOfManyAccounts: true,
  /**
   * Calendars that refuse nothing for two periods: the end of the present one is not known then, so its guard is not kept, and
   * what was counted in several is refused as if it had been in one. Off, nobody asks right before a period's end, no other
   * limit is the tighter one in saturated worlds, and refusals by calendars are not looked at.
   */
  quietCalendars: true,
  /**
   * Crowds that wait while the store is asked over a network: one question after the other, so that no more are served than
   * questions fit into the time.
   */
  crowdsOverNetwork: true,
  /**
   * Anchored windows while the machine sleeps and its monotonic clock stops: the provider's window ends earlier than is thought
   * here, and the next one begins unseen. Off, that overshoots is not held against the rotator.
   */
  anchoredThroughSleep: true,
};
