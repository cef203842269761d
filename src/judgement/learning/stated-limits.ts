import { periodMs } from "../../limits/limits.ts";
import type { Account } from "../../pool/keys/key-pool.ts";
import type { Lease } from "../../pool/lease.ts";
import type { Classification, Clock, LearntLimit, StatedLimit } from "../../types.ts";

/** A limit that a refusal or a header stated. Times are monotonic. */
export interface StatedEntry extends StatedLimit {
  readonly model: string | undefined;
  /** `undefined`: a refusal said it. */
  readonly header: string | undefined;
  readonly seenAt: number;
  readonly lowers: readonly string[];
}

type Lower = (lease: Lease, stated: StatedLimit, model: string | undefined) => readonly string[];

/** Model names come from outside: beyond so many entries of an account, what was learnt is begun anew. */
const mostEntries = 128;

/**
 * Limits in the provider's own words. They lower what was declared for the same dimension and window, for one window's
 * length, and are shown meanwhile.
 */
export class StatedLimits {
  readonly #clock: Clock;
  readonly #lower: Lower;

  constructor(clock: Clock, lower: Lower) {
    this.#clock = clock;
    this.#lower = lower;
  }

  /** Takes in what a refusal stated. */
  refused(lease: Lease, { limit, scope }: Classification): void {
    if (limit !== undefined) this.note(lease, limit, scope === "model" ? lease.model : undefined, undefined);
  }

  note(lease: Lease, stated: StatedLimit, model: string | undefined, header: string | undefined): void {
    const { account } = lease.key;
    account.stated ??= new Map();
    if (account.stated.size >= mostEntries) account.stated.clear();
    const name = `${stated.dimension} ${stated.window} ${model ?? ""}`;
    const lowers = this.#lower(lease, stated, model);
    const { amount, dimension, window } = stated;
    account.stated.set(name, { amount, dimension, window, model, header, seenAt: this.#clock.monotonic(), lowers });
  }

  /** What is still true of it: each for one window's length. */
  of({ stated }: Account): readonly LearntLimit[] {
    if (stated === undefined) return [];
    const now = this.#clock.monotonic();
    const limits: LearntLimit[] = [];
    for (const [name, { amount, dimension, window, model, header, seenAt, lowers }] of stated) {
      if (seenAt + periodMs[window ?? "minute"] <= now) {
        stated.delete(name);
        continue;
      }
      limits.push({
        dimension,
        window,
        model: model ?? null,
        limit: amount,
        remaining: null,
        resetInMs: null,
        from: header === undefined ? "refusal" : "headers",
        header: header ?? null,
        seenAgoMs: now - seenAt,
        lowers,
      });
    }
    return limits;
  }
}
