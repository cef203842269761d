import { picksByHand } from "../picks-by-hand.ts";
import { acquiring } from "./acquiring.ts";
import { firstTouch } from "./first-touch.ts";
import { indexPicks } from "./index-picks.ts";
import { minuteBoundary } from "./minute-boundary.ts";

/** What the number of keys costs. */
export async function picking(): Promise<void> {
  await indexPicks();
  await acquiring();
  await picksByHand();
  await firstTouch();
  minuteBoundary();
}
