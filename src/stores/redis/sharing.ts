import type { SharingChange, StoreSharing } from "../../limits/sharing.ts";
import type { Unsubscribe } from "../../limits/store.ts";
import type { Clock } from "../../types.ts";
import { causeText } from "./cause-text.ts";
import type { RedisStoreOptions, SharingState } from "./options.ts";
import { CommandTimeoutError } from "./wire/command-budget.ts";
import type { Standing } from "./wire/link.ts";

export interface SharingOptions {
  readonly clock: Clock;
  readonly standing: () => Standing;
  /** What the client says of itself, where it says anything. */
  readonly status: () => string | undefined;
  readonly onState: RedisStoreOptions["onState"];
}

const amongNewer =
  "Processes of a later version share this pool and count in records of their own: until they are gone, this one takes its share";

/** Knows, and tells whoever wants to know, whether what this process counts is shared. */
export class Sharing {
  readonly #options: SharingOptions;
  readonly #listeners = new Set<(change: SharingChange) => void>();
  #state: StoreSharing["state"] = "unknown";
  /** Is what this process counts shared? Written here alone. */
  isShared = false;
  #since: number;
  #aloneAt = 0;
  #cause: string | undefined;
  #unsubscribedCause: string | undefined;
  #isListening = false;
  #isAmongNewer = false;
  #isClosed = false;

  constructor(options: SharingOptions) {
    this.#options = options;
    this.#since = Math.round(options.clock.wall());
  }

  get now(): StoreSharing {
    const cause = this.#state === "alone" ? this.#cause : this.#unsubscribedCause;
    const { instances, rank } = this.#options.standing();
    // Whoever cannot ask hears nothing either, whatever its connection says.
    const listening = this.#isListening && this.#state !== "alone";
    const now = { state: this.#state, since: this.#since, instances, rank, listening };
    return cause === undefined ? now : { ...now, cause };
  }

  listen(listener: (change: SharingChange) => void): Unsubscribe {
    const own = (change: SharingChange): void => listener(change);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  lost(cause: unknown): void {
    this.#degraded(cause);
    this.#tellState("alone", cause);
  }

  back(): void {
    this.#tellState("shared");
  }

  /** Processes of a later format came, or are gone. */
  onNewer(isAmongNewer: boolean): void {
    if (isAmongNewer === this.#isAmongNewer) return;
    this.#isAmongNewer = isAmongNewer;
    if (isAmongNewer) this.lost(amongNewer);
    else this.back();
  }

  /** A command failed. Of a server that never answered, the first one tells enough. */
  failed(error: unknown): void {
    if (this.#state === "unknown") this.#degraded(error);
    // What comes of a command in the end says more than that it took long.
    else if (this.#state === "alone" && !(error instanceof CommandTimeoutError)) this.#cause = this.#textOf(error);
  }

  #degraded(error: unknown): void {
    if (this.#state === "alone") return;
    this.#aloneAt = this.#options.clock.monotonic();
    this.#cause = this.#textOf(error);
    this.#enter("alone");
    this.#tell({ type: "degraded", cause: this.#cause, instances: this.#options.standing().instances });
  }

  /** Returns whether that is news. */
  shared(): boolean {
    if (this.#state === "shared") return false;
    const aloneForMs = this.#state === "alone" ? Math.ceil(this.#options.clock.monotonic() - this.#aloneAt) : 0;
    this.#enter("shared");
    this.#tell({ type: "shared", aloneForMs });
    return true;
  }

  dataLost(): void {
    this.#tell({ type: "data-lost", instances: this.#options.standing().instances });
  }

  /** What others change is heard of, or not any more. */
  listening(isListening: boolean): void {
    this.#isListening = isListening;
    this.#unsubscribedCause = undefined;
  }

  unsubscribed(error: unknown): void {
    this.#isListening = false;
    this.#unsubscribedCause = causeText(error);
    this.#tell({ type: "unsubscribed", cause: this.#unsubscribedCause });
  }

  #enter(state: "shared" | "alone"): void {
    this.#state = state;
    this.isShared = state === "shared";
    this.#since = Math.round(this.#options.clock.wall());
  }

  /** The caller hears what it gave a function for. */
  #tellState(state: SharingState, cause?: unknown): void {
    if (!this.#isClosed) this.#options.onState?.(state, cause);
  }

  #textOf(error: unknown): string {
    return causeText(error, error instanceof CommandTimeoutError ? this.#options.status() : undefined);
  }

  #tell(change: SharingChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch {
        // A listener of the caller's must not fail a request.
      }
    }
  }
}
