import { realName } from "../../limits/model-names.ts";
import { addressScope, isAddressScope, isKeyScope, isModelScope, modelScope } from "../../limits/scopes.ts";
import type { Need } from "../../limits/store.ts";
import type { Clock, Random, ScopeId } from "../../types.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";
import { Addresses, type KnownWall } from "./addresses.ts";
import { availability } from "./availability.ts";
import { type Cooldown, isLeft, type Subject, subjectOf } from "./breaker-subjects.ts";
import { CircuitBreaker, endsByProbe, probedInMs } from "./circuit-breaker.ts";
import { servesBeside } from "./not-now.ts";
import { endpointOf, OriginCooldowns } from "./origin-cooldowns.ts";
import type { ReadySet } from "./ready-set.ts";

/** Spreads the moments at which waiters try a key that comes back: up to this share of its cooldown, and at most so long. */
const wakeJitterShare = 0.1;
const wakeJitterMs = 100;

const none: readonly CircuitBreaker[] = [];
const closed = { permits: 0 };
/** Whoever served so long ago at most is missed, where nobody else does. */
const missedMs = 3_600_000;

/** As what a store is asked for a key. */
type Purpose = "request" | "probe";

/** What was let through, as breakers look at it. */
interface LetThrough {
  readonly key: PooledKey;
  readonly request: { readonly model?: string | undefined };
  readonly startedAt: number;
}

/**
 * The breakers of a pool, in this process. One is made when something cools down, and dropped once it is closed.
 */
export class CircuitBreakers {
  readonly #egress: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #breakers = new Map<Subject, CircuitBreaker>();
  /** Has an account a breaker? By slot: of a large pool most have none, and a look into the map would cost more than the pick. */
  #guarded = new Uint8Array(0);
  /** How many are about anything but accounts. */
  #ofOthers = 0;
  /** How many of them are about models. */
  #ofModels = 0;
  /** How many are about addresses: then what one account gives back is another's chance. */
  ofAddresses = 0;
  #addresses: Addresses | undefined;
  /** Origins in trouble, which only order keys. */
  readonly origins: OriginCooldowns;
  /** How many there are; 0: nobody need look. */
  size = 0;

  /** @param egress names the address requests leave from, of keys that name none of their own */
  constructor(clock: Clock, random: Random, egress: string) {
    this.#egress = egress;
    this.#clock = clock;
    this.#random = random;
    this.origins = new OriginCooldowns(clock);
  }

  /** How many of those that wait for a release are woken by one of another account: a permit of the address's may serve any. */
  get mostWoken(): number {
    return this.ofAddresses > 0 ? Number.POSITIVE_INFINITY : 1;
  }

  /**
   * Is there a permit for a request with this key? Without one the ready set has the key wait until one is given back.
   * @param isLast it cannot be kept waiting
   * @returns as what a store is asked for it; `undefined`: there is none
   */
  enter(readySet: ReadySet, key: PooledKey, model: string | undefined, isLast: boolean): Purpose | undefined {
    const over = this.#over(key, model);
    if (over.length === 0) return "request";
    const now = this.#clock.monotonic();
    const full = isLast ? undefined : over.find((breaker) => !breaker.hasPermit(now));
    if (full === undefined) return over.some((breaker) => breaker.isProbeDue(now)) ? "probe" : "request";
    if (full === this.#breakers.get(key)) readySet.limitKey(key, full.growsAt);
    else readySet.holdBack(key.account.slot, full.growsAt);
    return undefined;
  }

  /**
   * Those of these keys that a store is asked about at once. What comes back from a cooldown is asked for alone, or with such as do
   * not: a permit that another question holds keeps others waiting.
   */
  entered(readySet: ReadySet, keys: readonly PooledKey[], model: string | undefined, isLast: boolean): PooledKey[] {
    const some: PooledKey[] = [];
    for (const key of keys) {
      const isFree = this.#over(key, model).length === 0;
      if (isFree || (some.length === 0 && this.enter(readySet, key, model, isLast) !== undefined)) some.push(key);
    }
    return some;
  }

  /** While a store is asked, nobody else is let through in its place. Returns as what it is asked. */
  take(key: PooledKey, model: string | undefined): Purpose {
    const now = this.#clock.monotonic();
    const over = this.#over(key, model);
    for (const breaker of over) breaker.take(now);
    return over.some((breaker) => breaker.isProbeDue(now)) ? "probe" : "request";
  }

  /** It has answered: what it granted is let through. */
  putBack(key: PooledKey, model: string | undefined): void {
    for (const breaker of this.#over(key, model)) breaker.giveBack(Number.POSITIVE_INFINITY);
  }

  /**
   * A store granted it: it is let through.
   * @returns is no permit left for its account?
   */
  onGranted(key: PooledKey, model: string | undefined, now: number): boolean {
    let isFull = false;
    for (const breaker of this.#over(key, model)) {
      breaker.take(now);
      const isLast = breaker.onGranted(now);
      if (breaker === this.#breakers.get(key.account)) isFull = isLast;
    }
    if (this.origins.isAny) this.origins.onGranted(key, model, now);
    return isFull;
  }

  /**
   * An attempt has ended. What follows from a refusal comes after that.
   * @param mayBeWall it was refused, perhaps for the address: until that is known nobody else is let through in its place
   */
  onEnd({ key, request, startedAt }: LetThrough, isSuccess: boolean, mayBeWall: boolean): void {
    if (this.origins.isAny) this.#onEndSomewhere(key, request.model, isSuccess, startedAt);
    const over = this.#over(key, request.model);
    const kept = mayBeWall && this.ofAddresses > 0 ? this.#breakers.get(this.#addressOf(key)) : undefined;
    for (const breaker of over) {
      if (isSuccess) breaker.onSuccess(startedAt);
      else if (breaker !== kept) breaker.giveBack(startedAt);
    }
    if (!isSuccess || over.length === 0) return;
    for (const subject of this.#subjects(key, request.model)) {
      if (this.#breakers.get(subject)?.isClosed) this.#drop(subject);
    }
  }

  #onEndSomewhere(key: PooledKey, model: string | undefined, isSuccess: boolean, startedAt: number): void {
    this.origins.onEnd(key, model, isSuccess, startedAt);
    this.size = this.#breakers.size + this.origins.size;
  }

  /** A cooldown began that an answer to this process asked for. When a guess is probed shows when a store refuses it. */
  onCooled(account: Account, key: PooledKey, cooldown: Cooldown): void {
    const { scope, forMs, source } = cooldown;
    const probeInMs = source === "credit" && !isKeyScope(scope) ? probedInMs(cooldown, forMs, false, false) : 0;
    this.#open(subjectOf(scope, account, key), cooldown, this.#clock.monotonic() + forMs, probeInMs);
  }

  /** Another process had an address cool down: what comes back from that comes back here, too. */
  onAddressCooled(cooldown: Cooldown): void {
    this.#open(cooldown.scope, cooldown, this.#clock.monotonic() + cooldown.forMs, 0);
  }

  /** What a request takes of the permits that all processes of its address have together; `undefined`: there is no bound. */
  permitOf(key: PooledKey): Need | undefined {
    if (this.ofAddresses === 0) return undefined;
    const address = this.#addressOf(key);
    const { permits } = this.#breakers.get(address) ?? closed;
    return permits === 0 ? undefined : this.#known.permitOf(address, permits);
  }

  /** The wall that was met last from this address, in whatever process. */
  wallOf(address: ScopeId): KnownWall | undefined {
    return this.#addresses?.wallOf(address);
  }

  get #known(): Addresses {
    this.#addresses ??= new Addresses();
    return this.#addresses;
  }

  /** Each provider counts a machine apart, and each way out of it. */
  #addressOf({ account, config }: PooledKey): ScopeId {
    return addressScope(account.provider.id, config.route?.egress ?? this.#egress);
  }

  /** A cooldown was ended. */
  end(scope: ScopeId, account: Account, key: PooledKey | undefined): void {
    if (this.size > 0) this.#breakers.get(subjectOf(scope, account, key))?.end();
  }

  /** A cooldown should never have begun. */
  forgive(scope: ScopeId, account: Account, key: PooledKey): void {
    if (this.size > 0) this.#drop(subjectOf(scope, account, key));
  }

  /** Keys of an account have left the pool, or all of it has. */
  onLeft(account: Account): void {
    if (this.size === 0) return;
    const models = account.keys.length === 0 ? modelScope(account.id, "") : undefined;
    for (const subject of [...this.#breakers.keys()]) {
      if (typeof subject === "string") {
        if (models !== undefined && subject.startsWith(models)) this.#drop(subject);
      } else if (subject === account ? account.keys.length === 0 : isLeft(subject, account)) this.#drop(subject);
    }
  }

  /** Takes over into a ready set what a store told of: the account is left alone until it ends, or is probed. */
  park(readySet: ReadySet, key: PooledKey, cooldown: Cooldown): void {
    const { account } = key;
    const { scope, forMs, source, reason } = cooldown;
    const now = this.#clock.monotonic();
    const endsAt = now + forMs + this.#random() * Math.min(forMs * wakeJitterShare, wakeJitterMs);
    const isNeeded = !servesBeside(readySet, account.slot);
    const probeInMs = probedInMs(cooldown, endsAt - now, isNeeded, now - key.lastSuccessAt < missedMs);
    const wakeAt = this.#open(subjectOf(scope, account, key), cooldown, endsAt, probeInMs);
    const isCredentialRefused = reason === "invalid_key";
    const freeAt = endsByProbe(source, reason) ? Number.POSITIVE_INFINITY : wakeAt;
    if (isKeyScope(scope)) {
      key.coolDown(wakeAt, isCredentialRefused, freeAt);
      if (account.keys.length > 1) return;
    }
    readySet.park(account.slot, wakeAt, isCredentialRefused ? availability.refused : availability.limited, freeAt);
  }

  /** Opens the origin that a key's requests go to, for one model or for all; 0: its trouble is over. */
  openOriginOf(key: PooledKey, model: string | undefined, forMs: number): void {
    this.openOrigin(endpointOf(key), model, forMs);
  }

  /** @param origin empty for that of keys without an endpoint of their own */
  openOrigin(origin: string, model: string | undefined, forMs: number): void {
    this.origins.open(origin, model, forMs);
    this.size = this.#breakers.size + this.origins.size;
  }

  /** Those that have a say in what is let through with this key. */
  #over(key: PooledKey, model: string | undefined): readonly CircuitBreaker[] {
    if (this.#ofOthers === 0 && this.#guarded[key.account.slot] !== 1) return none;
    const over: CircuitBreaker[] = [];
    for (const subject of this.#subjects(key, model)) {
      const breaker = this.#breakers.get(subject);
      if (breaker !== undefined) over.push(breaker);
    }
    return over;
  }

  #subjects(key: PooledKey, model: string | undefined): Subject[] {
    const { account } = key;
    const subjects: Subject[] = account.only === key ? [account] : [account, key];
    if (this.#ofModels > 0 && model !== undefined)
      subjects.push(
        modelScope(account.id, key.config.models === undefined ? model : realName(key.config.models, model)),
      );
    if (this.ofAddresses > 0) subjects.push(this.#addressOf(key));
    return subjects;
  }

  #open(subject: Subject, cooldown: Cooldown, endsAt: number, probeInMs: number): number {
    const { scope, forMs, reason } = cooldown;
    const now = this.#clock.monotonic();
    if (isAddressScope(scope)) this.#known.onCooled(scope, forMs, reason, now);
    // Nobody was refused: it was counted down to nothing, and holds as much as ever at its end.
    const permits = reason === "no_quota_left" ? 0 : undefined;
    return this.#breakerOf(subject).open(now, endsAt, probeInMs, permits);
  }

  #breakerOf(subject: Subject): CircuitBreaker {
    let breaker = this.#breakers.get(subject);
    if (breaker === undefined) {
      breaker = new CircuitBreaker();
      this.#breakers.set(subject, breaker);
      this.#count(subject, 1);
    }
    return breaker;
  }

  #drop(subject: Subject): void {
    if (this.#breakers.delete(subject)) this.#count(subject, -1);
  }

  #count(subject: Subject, change: 1 | -1): void {
    this.size = this.#breakers.size + this.origins.size;
    if (typeof subject === "object" && !("account" in subject)) {
      if (subject.slot >= this.#guarded.length) this.#grow(subject.slot);
      this.#guarded[subject.slot] = change === 1 ? 1 : 0;
      return;
    }
    this.#ofOthers += change;
    if (typeof subject !== "string") return;
    if (isModelScope(subject)) this.#ofModels += change;
    else this.ofAddresses += change;
  }

  #grow(slot: number): void {
    const larger = new Uint8Array(Math.max(slot + 1, this.#guarded.length * 2));
    larger.set(this.#guarded);
    this.#guarded = larger;
  }
}
