import type { ScopeState } from "../../limits/store.ts";
import type { ScopeId } from "../../types.ts";

/** Cooldowns that ended lately. */
const mostEnded = 1024;

export type Cooldown = Pick<ScopeState, "scope" | "now" | "until" | "reason" | "source">;

export interface KnownCooldown {
  readonly cooldown: Cooldown;
  /** On our own clock. */
  readonly endsAt: number;
  /** Have listeners been told of it? */
  readonly isTold: boolean;
  /** Was it only announced? Then the store is asked before anybody is refused because of it. */
  readonly isHearsay: boolean;
}

/** What this process knows of cooldowns in a store that others share. */
export class KnownCooldowns {
  readonly #known = new Map<ScopeId, KnownCooldown>();
  /** When cooldowns were ended, on the store's clock, or Infinity where nobody said: answers overtake each other. */
  readonly #ended = new Map<ScopeId, number>();
  #hearsay = 0;
  /** Are there any? Written here alone. */
  hasAny = false;

  get hasHearsay(): boolean {
    return this.#hearsay > 0;
  }

  get(scope: ScopeId): KnownCooldown | undefined {
    return this.#known.get(scope);
  }

  values(): Iterable<KnownCooldown> {
    return this.#known.values();
  }

  set(known: KnownCooldown): void {
    this.delete(known.cooldown.scope);
    this.#known.set(known.cooldown.scope, known);
    this.hasAny = true;
    if (known.isHearsay) this.#hearsay++;
  }

  delete(scope: ScopeId): void {
    if (this.#known.get(scope)?.isHearsay === true) this.#hearsay--;
    this.#known.delete(scope);
    this.hasAny = this.#known.size > 0;
  }

  /** Those that were known longest, or were looked at longest ago. What is over is dropped. */
  oldest(now: number, most: number): KnownCooldown[] {
    const found: KnownCooldown[] = [];
    for (const known of this.#known.values()) {
      if (known.endsAt <= now) this.delete(known.cooldown.scope);
      else if (found.push(known) === most) break;
    }
    return found;
  }

  hearsay(now: number, most: number): KnownCooldown[] {
    const found: KnownCooldown[] = [];
    for (const known of this.#known.values()) {
      if (!known.isHearsay) continue;
      if (known.endsAt <= now) this.delete(known.cooldown.scope);
      else if (found.push(known) === most) break;
    }
    return found;
  }

  /** Is this what it was when somebody looked? */
  isStill(known: KnownCooldown): boolean {
    return this.#known.get(known.cooldown.scope) === known;
  }

  /** Somebody ended it. */
  onEnd(scope: ScopeId, at: number): void {
    this.#ended.set(scope, at);
    if (this.#ended.size <= mostEnded) return;
    const [oldest] = this.#ended.keys();
    this.#ended.delete(oldest as ScopeId);
  }

  /** Was it ended after the store said this? */
  hasEnded({ scope, now }: Cooldown): boolean {
    return (this.#ended.get(scope) ?? Number.NEGATIVE_INFINITY) >= now;
  }

  /** All has been read: what is read from now on is newer than ends of which nobody said when they were. */
  forgetUntimedEnds(): void {
    for (const [scope, at] of this.#ended) if (at === Number.POSITIVE_INFINITY) this.#ended.delete(scope);
  }
}
