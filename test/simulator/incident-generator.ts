import type { Draws } from "./draws.ts";
import type { Incident } from "./world.ts";

/** Draws what happens to clocks and keys while requests come. */
export function drawIncidents(draws: Draws, durationMs: number, keys: number): readonly Incident[] {
  const incidents: Incident[] = [];
  const when = (): number => durationMs * draws.random();
  if (draws.chance(0.3)) {
    for (let count = draws.integer(1, 3); count > 0; count--) {
      const byMs = Math.round(draws.logBetween(100, 30 * 86_400_000)) * (draws.chance(0.5) ? 1 : -1);
      incidents.push({ kind: "set clock", at: when(), byMs });
    }
  }
  if (draws.chance(0.4)) {
    for (let count = draws.integer(1, 2); count > 0; count--) {
      const forMs = durationMs * draws.between(0.01, 0.5);
      incidents.push({ kind: "sleep", at: when(), forMs, monotonicStops: draws.chance(0.5) });
    }
  }
  if (draws.chance(0.6)) {
    for (let count = draws.integer(1, 20); count > 0; count--) {
      const key = draws.integer(0, keys - 1);
      const [off, on] = draws.pick([["remove", "add"] as const, ["disable", "enable"] as const]);
      const at = when();
      incidents.push({ kind: off, at, key });
      if (draws.chance(0.8)) incidents.push({ kind: on, at: at + (durationMs - at) * draws.random(), key });
    }
  }
  return incidents;
}
