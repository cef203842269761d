import { periodMs } from "../../limits/limits.ts";
import type { HeaderReader } from "../../ports.ts";
import type { HeaderCounter, Provider } from "../provider.ts";
import { calendarResetMs, type DeclaredBucket, readDeclaredBuckets, textOfCounter } from "./stated-resets.ts";

/** A counter that says that nothing is left. */
export interface DryCounter {
  /** What it counts for. */
  readonly of: "key" | "account" | "model";
  /** Until it gives again, milliseconds. */
  readonly forMs: number;
}

/** So little of what is limited that every answer is to be looked at: by number, or as a share of the limit. */
const fewLeft = 20;
const smallShare = 0.2;

/** How much the counters of an answer say is left. */
export interface LeftCounts {
  /** The first header that said so: the others come with it. */
  readonly header: string;
  /** Below or at this, its counter has little left. */
  readonly little: number;
  /** Has any counter little left? */
  readonly isLittle: boolean;
  /** Has any counter run dry? */
  readonly isNothing: boolean;
}

/** What a provider's counters in headers say, by the grammar it declares. */
export class HeaderGrammar {
  readonly counters: readonly HeaderCounter[];
  /** Does any counter count each model apart? */
  readonly isPerModel: boolean;
  readonly #provider: Provider;

  constructor(provider: Provider) {
    this.#provider = provider;
    this.counters = provider.headers ?? [];
    this.isPerModel = this.counters.some((counter) => this.isOfModel(counter));
  }

  /** Does it count each model apart? */
  isOfModel({ scope }: HeaderCounter): boolean {
    return scope === "model" || (scope === undefined && this.#provider.perModel === true);
  }

  /** Looks at all that an answer says is left; `undefined`: it says nothing. */
  leftIn(headers: HeaderReader): LeftCounts | undefined {
    let left: { -readonly [field in keyof LeftCounts]: LeftCounts[field] } | undefined;
    for (const { remaining, limit, entry, unlimited } of this.counters) {
      const text = textOfCounter(headers, remaining, entry);
      if (remaining === undefined || text === null) continue;
      const count = Number(text);
      const total = textOfCounter(headers, limit, entry);
      if (unlimited !== undefined && total !== null && Number(total) === unlimited) continue;
      const little = total === null ? fewLeft : Math.max(fewLeft, Number(total) * smallShare);
      left ??= { header: remaining, little, isLittle: false, isNothing: false };
      // What is no number says nothing good.
      if (!(count > little)) left.isLittle = true;
      if (count <= 0) left.isNothing = true;
    }
    return left;
  }

  /** @param wall epoch milliseconds at which they were read */
  read(headers: HeaderReader, wall: number): readonly DeclaredBucket[] {
    return readDeclaredBuckets(headers, this.counters, wall);
  }

  /**
   * Counters that ran dry, and for how long.
   * @param knowsModel is it known which model the answer was about?
   */
  dryIn(headers: HeaderReader, wall: number, knowsModel: boolean): readonly DryCounter[] {
    const dry: DryCounter[] = [];
    for (const { counter, limit, remaining, resetMs } of this.read(headers, wall)) {
      if (remaining === null || remaining > 0) continue;
      const forMs = this.#restMs(counter, limit, resetMs, wall);
      if (forMs !== null && forMs > 0) dry.push({ of: this.#ownerOf(counter, knowsModel), forMs });
    }
    return dry;
  }

  #ownerOf(counter: HeaderCounter, knowsModel: boolean): DryCounter["of"] {
    if (counter.scope === "key") return "key";
    if (knowsModel && this.isOfModel(counter)) return "model";
    return (counter.scope ?? this.#provider.sharedBy ?? "key") === "key" ? "key" : "account";
  }

  /** A counter that says when it is full again gives its next place back a good deal sooner. */
  #restMs(
    { window, resetIsFull }: HeaderCounter,
    limit: number | null,
    resetMs: number | null,
    wall: number,
  ): number | null {
    if (resetMs !== null)
      return resetIsFull === true && limit !== null && limit > 0 ? Math.ceil(resetMs / limit) : resetMs;
    if (window === null) return null;
    if (window === "day" || window === "month" || window === "minute")
      return calendarResetMs(window, this.#provider.dayZone ?? "UTC", wall);
    return periodMs[window];
  }
}
