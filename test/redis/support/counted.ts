import { expect } from "vitest";
import type { Load } from "./load.ts";
import { type Rig, usedOf } from "./rigs.ts";
import { until } from "./shared-limits.ts";

/** Everything that was given out is counted in the end, and nothing twice. */
export async function expectCounted(rig: Rig, load: Load, lost = 0): Promise<void> {
  let used: number | undefined;
  await until(async () => {
    used = await usedOf(rig, load.wanted);
    return used !== undefined && used >= load.granted && used <= load.granted + lost;
  }, 3000).catch(() => expect(used).toBe(load.granted));
}
