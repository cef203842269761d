import type { Clock } from "../../types.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

interface OpenOrigin {
  readonly breaker: CircuitBreaker;
  /** Monotonic. */
  until: number;
}

/**
 * Origins in trouble, and models that are overloaded at one. The same breaker as everywhere, but it refuses nothing: keys with another
 * origin come first while it is open and, at its end, for all requests but those that find out whether it is over.
 */
export class OriginCooldowns {
  readonly #clock: Clock;
  /** By origin, and by origin and model; the origin of keys without an endpoint of their own is empty. */
  readonly #open = new Map<string, OpenOrigin>();
  size = 0;
  /** Is any of them in trouble, or was lately? */
  isAny = false;
  #isAnyModel = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param forMs 0: the trouble is over */
  open(origin: string, model: string | undefined, forMs: number): void {
    const name = nameOf(origin, model);
    if (forMs > 0) this.#begin(name, forMs);
    else this.#open.delete(name);
    this.#note();
  }

  /** Is the origin in trouble that the account's next request would go to? */
  isOpen(account: Account, model: string | undefined): boolean {
    if (!this.isAny) return false;
    const now = this.#clock.monotonic();
    const over = this.#over(nextEndpointOf(account), model);
    return over.some(({ until, breaker }) => until > now || !breaker.hasPermit(now));
  }

  onGranted(key: PooledKey, model: string | undefined, now: number): void {
    for (const { breaker } of this.#over(endpointOf(key), model)) breaker.take(now);
  }

  onEnd(key: PooledKey, model: string | undefined, isSuccess: boolean, startedAt: number): void {
    for (const { breaker } of this.#over(endpointOf(key), model)) {
      if (isSuccess) breaker.onSuccess(startedAt);
      else breaker.giveBack(startedAt);
    }
    if (!isSuccess) return;
    const now = this.#clock.monotonic();
    for (const [name, { until, breaker }] of this.#open) {
      if (until <= now && breaker.isClosed) this.#open.delete(name);
    }
    this.#note();
  }

  #begin(name: string, forMs: number): void {
    const now = this.#clock.monotonic();
    let open = this.#open.get(name);
    if (open === undefined) {
      open = { breaker: new CircuitBreaker(), until: 0 };
      this.#open.set(name, open);
    }
    open.until = now + forMs;
    open.breaker.open(now, open.until, 0);
  }

  #over(origin: string, model: string | undefined): readonly OpenOrigin[] {
    const names = model === undefined || !this.#isAnyModel ? [origin] : [origin, nameOf(origin, model)];
    return names.flatMap((name) => this.#open.get(name) ?? []);
  }

  #note(): void {
    this.size = this.#open.size;
    this.isAny = this.size > 0;
    this.#isAnyModel = false;
    for (const name of this.#open.keys()) this.#isAnyModel ||= name.includes("|");
  }
}

/** The origin of a key's own endpoint; empty when it uses the call's. */
export function endpointOf(key: PooledKey): string {
  return key.config.route?.baseURL?.origin ?? "";
}

/** That of the key whose turn it is. */
export function nextEndpointOf({ keys, cursor }: Account): string {
  return endpointOf(keys[cursor % keys.length] as PooledKey);
}

function nameOf(origin: string, model: string | undefined): string {
  return model === undefined ? origin : `${origin}|${model}`;
}
