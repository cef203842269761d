import type { OperatedRotator } from "../../../operate/operated-rotator.ts";
import { AdminError } from "../calls/admin-error.ts";
import type { Channel } from "../calls/channel.ts";

/** System D's numbers for two of the strategies. */
const modes = ["round_robin", "random"] as const;
/** What stands for "not multi-key": the first enabled key serves, others only while it cannot. */
const oneKey = "fill_first";

export interface ModeWish {
  readonly isMultiKey: boolean | undefined;
  readonly mode: 0 | 1 | undefined;
}

/** How a channel chooses keys: System D's two fields, and the strategy by its name, as there are more than two. */
export function selectionOf({ rotator, strategyBefore }: Channel): object {
  const { strategy } = rotator;
  const mode = (modes as readonly string[]).indexOf(strategyBefore ?? strategy);
  return {
    is_multi_key: strategyBefore === undefined,
    selection_mode: mode === -1 ? null : mode,
    strategy,
  };
}

/** Takes over what is wished; what is not mentioned stays. */
export function applyMode(channel: Channel, { isMultiKey, mode }: ModeWish): void {
  if (isMultiKey === undefined && mode === undefined) {
    const message = "Expected `is_multi_key`, `key_selection_mode` or both";
    throw new AdminError("bad_request", message, { field: "is_multi_key" });
  }
  const { rotator } = channel;
  const wanted = mode === undefined ? (channel.strategyBefore ?? rotator.strategy) : (modes[mode] as string);
  const isRotating = isMultiKey ?? channel.strategyBefore === undefined;
  use(rotator, isRotating ? wanted : oneKey);
  channel.strategyBefore = isRotating ? undefined : wanted;
}

/** A strategy of the host's own making cannot be brought back by its name: the rotator says so. */
function use(rotator: OperatedRotator, strategy: string): void {
  if (rotator.strategy !== strategy) rotator.useStrategy(strategy as never);
}
