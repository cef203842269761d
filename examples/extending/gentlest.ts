import type { ChoosingStrategy } from "rotating-fetch";

/** Of the keys that are ready, the one with the fewest requests under way; among equals the one used least so far. */
export const gentlest: ChoosingStrategy = {
  name: "gentlest",
  choose: ([...ready]) => ready.sort((one, other) => one.inFlight - other.inFlight || one.used - other.used)[0],
};
