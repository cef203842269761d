import type { Dimension, WindowName } from "../../types.ts";
import { modelMatcher } from "./model-pattern.ts";
import { dimensions, type ProviderLimit, periodMs } from "./provider-limit.ts";
import { AnchoredCount, CalendarCount, OpenCount, Periods, RollingCount, type UseCount } from "./use-count.ts";

/** One amount of a limit, ready to be judged by. */
export interface LimitRule {
  /** Equal for equal rules, so that a limit declared anew goes on with what was counted. */
  readonly id: string;
  readonly limit: ProviderLimit;
  readonly dimension: Dimension;
  /** The most that may be counted. */
  readonly max: number;
  readonly scope: "key" | "account";
  readonly perModel: boolean;
  readonly covers: (model: string | undefined) => boolean;
  readonly newCount: () => UseCount;
}

/** What a request takes, in every dimension. */
export interface UsedAmounts {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export function amountOf(dimension: Dimension, used: UsedAmounts): number {
  switch (dimension) {
    case "requests":
    case "concurrency":
      return 1;
    case "tokens":
      return used.inputTokens + used.outputTokens;
    default:
      return used[dimension];
  }
}

/** The rules of a limit that has been checked. */
export function rulesOf(limit: ProviderLimit): readonly LimitRule[] {
  const { scope = "account", perModel = false, models } = limit;
  const covers = modelMatcher(models);
  return dimensions.flatMap((dimension) => {
    const max = limit[dimension];
    if (max === undefined) return [];
    const { name, newCount } = windowOf(limit, dimension);
    const id = JSON.stringify([dimension, max, name, scope, models ?? null, perModel]);
    return [{ id, limit, dimension, max, scope, perModel, covers, newCount }];
  });
}

function windowOf(limit: ProviderLimit, dimension: Dimension): { name: string; newCount: () => UseCount } {
  if (dimension === "concurrency") return { name: "", newCount: () => new OpenCount() };
  const { per = "minute", window = "rolling", timeZone = "UTC" } = limit;
  if (window === "calendar") {
    const unit = per as WindowName;
    const periods = new Periods(unit, timeZone);
    return { name: `${unit} of ${timeZone}`, newCount: () => new CalendarCount(periods) };
  }
  const windowMs = typeof per === "number" ? per : periodMs[per];
  const newCount = window === "rolling" ? () => new RollingCount(windowMs) : () => new AnchoredCount(windowMs);
  return { name: `${window} ${windowMs}`, newCount };
}
