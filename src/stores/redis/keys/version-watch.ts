import type { Unsubscribe } from "../../../limits/store.ts";
import type { Clock, Random } from "../../../types.ts";
import type { Commander, Subscription } from "../wire/client.ts";

/** Who listens still asks, so many times less often: what is told while a connection is lost is told once. */
const listeningFactor = 5;
/** So many versions are remembered as told: the server's word of a change may come after others'. */
const mostRemembered = 64;

export interface VersionWatchParts {
  /** Absent where the client cannot listen. */
  readonly subscribe: Commander["subscribe"];
  readonly channel: string;
  /** The version there is. Fails in time where there is no answer. */
  readonly ask: () => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly pollMs: number;
}

/** Tells of every version once, from wherever it is learnt: own changes, what the server tells, and asking now and then. */
export class VersionWatch {
  readonly #parts: VersionWatchParts;
  readonly #listeners = new Set<(version: string) => void>();
  /** The latest at the end. */
  readonly #told = new Set<string>();
  #last: string | undefined;
  /** How many were learnt of: the answer to a question asked before the last one may be older than that one. */
  #changes = 0;
  #lookout: Lookout | undefined;

  constructor(parts: VersionWatchParts) {
    this.#parts = parts;
  }

  add(listener: (version: string) => void): Unsubscribe {
    const own = (version: string): void => listener(version);
    this.#listeners.add(own);
    this.#lookout ??= new Lookout(this.#parts, this);
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#lookout?.end();
      this.#lookout = undefined;
    };
  }

  /** Somebody read the records, and knows this version. The first one is news to nobody. */
  read(version: string): void {
    if (this.#last === undefined) this.#remember(version);
    else this.heard(version);
  }

  get changes(): number {
    return this.#changes;
  }

  /** There is or was this version. */
  heard(version: string): void {
    if (!this.#told.has(version)) this.#tell(version);
  }

  /** This is the version now: an old one, if the server lost what came after. */
  found(version: string): void {
    // Where nobody has read yet, whoever does reads this or something later.
    if (this.#last !== undefined && version !== this.#last) this.#tell(version);
  }

  #tell(version: string): void {
    this.#remember(version);
    for (const listener of [...this.#listeners]) {
      try {
        listener(version);
      } catch {
        // The change is made, whoever cannot hear of it.
      }
    }
  }

  #remember(version: string): void {
    this.#changes++;
    this.#last = version;
    this.#told.delete(version);
    this.#told.add(version);
    const [oldest] = this.#told;
    if (this.#told.size > mostRemembered) this.#told.delete(oldest as string);
  }
}

/** From the first listener to the last. Where listening fails, asking goes on. */
class Lookout {
  readonly #parts: VersionWatchParts;
  readonly #watch: VersionWatch;
  #subscription: Subscription | undefined;
  #isListening = false;
  #isOver = false;
  #cancel: () => void = () => {};

  constructor(parts: VersionWatchParts, watch: VersionWatch) {
    this.#parts = parts;
    this.#watch = watch;
    this.#wait();
    void this.#listen();
  }

  end(): void {
    this.#isOver = true;
    this.#cancel();
    this.#subscription?.stop();
  }

  async #listen(): Promise<void> {
    const { subscribe, channel } = this.#parts;
    try {
      this.#subscription = subscribe?.(channel, (version) => {
        if (!this.#isOver) this.#watch.heard(version);
      });
      if (this.#subscription === undefined) return;
      await this.#subscription.opened;
    } catch {
      this.#subscription?.stop();
      return;
    }
    this.#isListening = true;
    // What changed before is told by nobody.
    await this.#look();
  }

  #wait(): void {
    this.#cancel();
    const { clock, random, pollMs } = this.#parts;
    // A timer that ends with somebody's request is none to rely on, and outside of requests there may be none at all.
    if (this.#isOver || clock.timersEndWithRequest === true) return;
    const periodMs = this.#isListening ? pollMs * listeningFactor : pollMs;
    this.#cancel = clock.timer(() => void this.#look(), periodMs * (0.8 + 0.4 * random()), true);
  }

  async #look(): Promise<void> {
    if (this.#isOver) return;
    try {
      const { changes } = this.#watch;
      const version = await this.#parts.ask();
      if (!this.#isOver && changes === this.#watch.changes) this.#watch.found(version);
    } catch {
      // Next time.
    }
    this.#wait();
  }
}
