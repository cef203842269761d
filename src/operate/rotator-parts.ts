import { RateLimitTracker } from "../limits/rate-limit-tracker.ts";
import { Dispatcher } from "../pool/dispatcher.ts";
import { EventHub } from "../pool/events.ts";
import { secretUnknown } from "../pool/keys/key-pool.ts";
import { SharedWork } from "../pool/keys/shared-work.ts";
import { RequestNames } from "../pool/request-names.ts";
import { type ResolvedRotatorOptions, type RotatorOptions, resolveRotatorOptions } from "../pool/rotator-options.ts";
import { Settlement } from "../pool/settlement.ts";
import { HealthChecker } from "./health-checker.ts";
import { KeyBook } from "./keys/key-book.ts";
import type { KeyChange } from "./keys/pool-sync.ts";

/** What a rotator is made of, put together. */
export class RotatorParts {
  readonly options: ResolvedRotatorOptions;
  readonly events: EventHub;
  readonly names: RequestNames;
  readonly tracker: RateLimitTracker;
  readonly book: KeyBook;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  readonly health: HealthChecker;
  isClosed = false;
  /** Told when somebody else changed keys in the key store. */
  othersChanged: (changes: readonly KeyChange[]) => void = () => {};
  /** The first read of what takes its time; a failure leaves the next request to try again. */
  readonly #loading: SharedWork<void>;

  /** @throws InvalidOptionsError naming the option that cannot work. */
  constructor(given: RotatorOptions) {
    const failed = (part: "strategy" | "keyStore", error: unknown): void =>
      this.events?.emit("part-failed", { part, error });
    this.options = resolveRotatorOptions(given, (error) => failed("strategy", error));
    const { options } = this;
    const { clock, limits, guardMs, cooldownMs, maxCooldownMs, egress } = options;
    this.events = new EventHub(options.logger);
    this.names = new RequestNames(options.random);
    this.#loading = new SharedWork(clock);
    this.tracker = new RateLimitTracker({ limits, clock, guardMs, cooldownMs, maxCooldownMs, ipScope: `ip:${egress}` });
    const storeFailed = (error: unknown): void => failed("keyStore", error);
    this.book = new KeyBook(options, { storeFailed, othersChanged: (changes) => this.othersChanged(changes) });
    this.book.open();
    this.#tellUnknown();
    const parts = { options, events: this.events, pool: this.book.pool, tracker: this.tracker };
    this.dispatcher = new Dispatcher({ ...parts, names: this.names });
    this.settlement = new Settlement({ ...parts, dispatcher: this.dispatcher });
    this.dispatcher.owner = this.settlement;
    this.health = new HealthChecker({ ...parts, dispatcher: this.dispatcher, settlement: this.settlement });
    // The key store is being read already: nobody need wait for the first request. Should it fail, that one tries again.
    if (typeof options.keys !== "function") this.ready().catch(() => {});
  }

  /** Resolves when the keys are known. */
  ready(): Promise<void> {
    if (this.book.loaded) return Promise.resolve();
    return this.#loading.run(async () => {
      await this.book.reload();
      this.dispatcher.rebuild();
      this.#tellUnknown();
    });
  }

  /** Keys that serve nobody until they are given again. */
  #tellUnknown(): void {
    if (!this.book.ledger.isKept) return;
    for (const { id, secret } of this.book.pool.keys.values()) {
      if (!secret.isKnown) this.events.emit("key-disabled", { keyId: id, reason: secretUnknown });
    }
  }
}
