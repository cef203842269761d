import type { Channel } from "./channel.ts";
import type { Channels } from "./channels.ts";

interface Counts {
  /** Failed attempts by kind. */
  readonly failed: Map<string, number>;
  /** Cooldowns by where their time came from. */
  readonly cooldowns: Map<string, number>;
  exhausted: number;
}

/** Counts what is only told, and kept nowhere: since the handler was made. */
export class FailureCounts {
  readonly #byChannel = new Map<Channel, Counts>();

  constructor(channels: Channels) {
    for (const channel of channels) {
      const counts: Counts = { failed: new Map(), cooldowns: new Map(), exhausted: 0 };
      this.#byChannel.set(channel, counts);
      channel.rotator.on("attempt-failed", ({ kind }) => increment(counts.failed, kind));
      channel.rotator.on("key-cooled", ({ source, elsewhere }) => {
        // Whoever saw the refusal counts it: sums over processes would count it often.
        if (elsewhere !== true) increment(counts.cooldowns, source);
      });
      channel.rotator.on("pool-exhausted", () => {
        counts.exhausted++;
      });
    }
  }

  of(channel: Channel): Counts {
    return this.#byChannel.get(channel) as Counts;
  }
}

/** Both are words of the library's own, so there are few. */
function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
