/** What a ready set believes of a group. The store is asked before anything is sent: a belief may be late, never harmful. */
export const availability = {
  absent: 0,
  ready: 1,
  /** Waits for a time: cooling, or at a declared limit. */
  limited: 2,
  /** Waits for a time: the credential was refused. */
  refused: 3,
  /** Waits for a release of something another request holds. */
  blocked: 4,
  /** Serves only while no other is ready: it comes back from a cooldown and has enough under way, or may share a used-up quota. */
  deprioritized: 5,
} as const;

/** Of those that wait for a time. */
export type Parked = typeof availability.limited | typeof availability.refused;

export type Availability = (typeof availability)[keyof typeof availability];
