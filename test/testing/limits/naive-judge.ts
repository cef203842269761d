import { calendarPeriod } from "../../../src/testing/calendar-period.ts";
import type { LimitRequest } from "../../../src/testing/limits/limit-judge.ts";
import type { ProviderLimit } from "../../../src/testing/limits/provider-limit.ts";
import type { Dimension, WindowName } from "../../../src/types.ts";

const lengths = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 };
const counted = ["requests", "tokens", "inputTokens", "outputTokens", "concurrency"] as const;

export interface NaiveUse {
  readonly at: number;
  readonly wall: number;
  readonly key: string;
  readonly account: string | undefined;
  readonly model: string | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly isLetThrough: boolean;
  isOpen: boolean;
}

/** Says the same as `LimitJudge` by going through everything that ever happened, for every question. */
export class NaiveJudge {
  readonly uses: NaiveUse[] = [];
  readonly #countRefused: boolean;

  constructor(countRefused: boolean) {
    this.#countRefused = countRefused;
  }

  arrive(request: LimitRequest): { allowed: boolean; retryAfterMs: number | null; use: NaiveUse | undefined } {
    const { at, wall = at, key, account, model, inputTokens = 0, outputTokens = 0, limits = [] } = request;
    const use: NaiveUse = {
      at,
      wall,
      key,
      account,
      model,
      inputTokens,
      outputTokens,
      isLetThrough: true,
      isOpen: true,
    };
    const waits = limits.flatMap((limit) =>
      counted.map((dimension) => this.#waitMs(limit, dimension, use)).filter((wait) => wait !== 0),
    );
    if (waits.length === 0) {
      this.uses.push(use);
      return { allowed: true, retryAfterMs: 0, use };
    }
    if (this.#countRefused) {
      this.uses.push({ ...use, inputTokens: 0, outputTokens: 0, isLetThrough: false, isOpen: false });
    }
    const known = waits.filter((wait) => typeof wait === "number");
    const retryAfterMs = waits.includes("never") || known.length === 0 ? null : Math.max(...known);
    return { allowed: false, retryAfterMs, use: undefined };
  }

  #waitMs(limit: ProviderLimit, dimension: Dimension, use: NaiveUse): number | "never" | "unknown" {
    const max = limit[dimension];
    const wanted = amount(dimension, use);
    if (max === undefined || !covers(limit, use.model) || wanted === 0) return 0;
    if (wanted > max) return "never";
    const sharing = this.uses.filter((other) => shares(limit, use, other));
    if (dimension === "concurrency") return sharing.filter(({ isOpen }) => isOpen).length < max ? 0 : "unknown";
    const until = (endOf: (other: NaiveUse) => number): number => {
      const moments = [0, ...sharing.map(endOf).filter((end) => end > 0)].sort((one, other) => one - other);
      const fits = (moment: number): boolean =>
        sum(sharing.filter((other) => endOf(other) > moment).map((other) => amount(dimension, other))) + wanted <= max;
      return moments.find(fits) as number;
    };
    const { per = "minute", window = "rolling", timeZone = "UTC" } = limit;
    if (window === "calendar") {
      const { start, end } = calendarPeriod(use.wall, per as WindowName, timeZone);
      return until(({ wall }) => (wall >= start && wall < end ? end - use.wall : 0));
    }
    const length = typeof per === "number" ? per : lengths[per];
    if (window === "rolling") return until(({ at }) => at + length - use.at);
    const starts = anchors(
      sharing.filter((other) => amount(dimension, other) > 0),
      length,
    );
    const last = starts.at(-1) ?? Number.NEGATIVE_INFINITY;
    return until(({ at }) => (at >= last ? last + length - use.at : 0));
  }
}

/** Where the windows began. */
function anchors(uses: readonly NaiveUse[], length: number): number[] {
  const starts: number[] = [];
  for (const { at } of uses) if (at >= (starts.at(-1) ?? Number.NEGATIVE_INFINITY) + length) starts.push(at);
  return starts;
}

function shares(limit: ProviderLimit, use: NaiveUse, other: NaiveUse): boolean {
  const isSameAccount = use.account === undefined ? other.key === use.key : other.account === use.account;
  return (
    isSameAccount &&
    (use.account !== undefined || other.account === undefined) &&
    (limit.scope !== "key" || other.key === use.key) &&
    covers(limit, other.model) &&
    (limit.perModel !== true || other.model === use.model)
  );
}

/** Knows patterns with one `*` at an end, which is all the tests use. */
function covers({ models }: ProviderLimit, model: string | undefined): boolean {
  if (models === undefined) return true;
  return [models].flat().some((pattern) => {
    if (model === undefined) return false;
    if (pattern.startsWith("*")) return model.endsWith(pattern.slice(1));
    return pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
  });
}

export function amount(dimension: Dimension, { inputTokens, outputTokens }: NaiveUse): number {
  if (dimension === "inputTokens") return inputTokens;
  if (dimension === "outputTokens") return outputTokens;
  return dimension === "tokens" ? inputTokens + outputTokens : 1;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
