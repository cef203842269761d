import { leasing } from "./leasing.ts";
import { limitedPicks } from "./limited-picks.ts";
import { quotaMemory } from "./quota-memory.ts";
import { reserving } from "./reserving.ts";
import { streaming } from "./streaming.ts";

/** What keeping inside declared limits costs. */
export async function quotas(): Promise<void> {
  await reserving();
  await leasing();
  quotaMemory();
  await limitedPicks();
  await streaming();
}
