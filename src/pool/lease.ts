import type { RequestShape } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { realName } from "../limits/model-names.ts";
import { isOriginScope } from "../limits/scopes.ts";
import type { Reservation } from "../limits/store.ts";
import type { LeaseFacts, LeaseResult } from "../ports.ts";
import type { CooldownChange } from "../types.ts";
import { onTime } from "./asking/counting-delay.ts";
import type { KeySecret } from "./keys/key-secret.ts";
import type { PooledKey } from "./keys/pooled-key.ts";
import type { AcquireRequest } from "./rotator-options.ts";

/** What a lease needs of the rotator that gave it. */
export interface LeaseOwner {
  now(): number;
  /** Whoever wants to see leases that begin; `undefined`: nobody. */
  readonly observers: { readonly granted: unknown };
  onGranted(lease: Lease): void;
  onEnd(lease: Lease, result: LeaseResult): void;
}

/** A request as far as leases look at it: whoever makes calls knows more of them. */
export interface AskedRequest extends AcquireRequest {
  /** Where it goes unless a key says otherwise. */
  readonly origin?: string | undefined;
  findModel?(shape: RequestShape): string | undefined;
}

/** What few leases need. Kept apart, so that the others are small: a lease is made for every attempt. */
class LeaseNotes {
  /** Monotonic milliseconds of the response's headers; 0 before. */
  answeredAt = 0;
  waitedMs = 0;
  origin: string | undefined = undefined;
  /** `null`: it was looked for in vain. */
  model: string | null | undefined = undefined;
  marks: readonly CooldownChange[] = noMarks;
  /** Private: nobody who looks at a lease shall find it. */
  #secret: string | undefined = undefined;

  get secret(): string | undefined {
    return this.#secret;
  }

  set secret(secret: string) {
    this.#secret = secret;
  }
}

const noMarks: readonly CooldownChange[] = [];

/**
 * One acquired key with its reservations, to be settled exactly once. It is one object for all of it: a store on our clock writes
 * what it granted into it (`Hold`), and so it is made before anybody knows whether there is a key.
 */
export class Lease {
  readonly #owner: LeaseOwner;
  /** Private: its settings hold the secret. */
  #key: PooledKey = undefined as never;
  /** The key's may be replaced while the request is under way. */
  #secret: KeySecret = undefined as never;
  /** What a store granted that did not fill this, and is told of at the end; `undefined`: it is told of this. @internal */
  reservation: Reservation | undefined = undefined;
  settled = false;
  /** How late it may be counted. @internal */
  allowance = onTime;
  /** Whose key it is: what the request is sent and its answer read by. @internal */
  provider: ProviderReading = undefined as never;
  /** Who wants it. @internal */
  readonly request: AskedRequest;
  /** What observers see of it, once one looks; written by them. @internal */
  facts: LeaseFacts | undefined = undefined;
  /** @internal */
  notes: LeaseNotes | undefined = undefined;
  /** This and what follows is a store's to write. @internal */
  number = 0;
  /** @internal */
  index = 0;
  /** Monotonic milliseconds, on our clock. @internal */
  reservedAt = 0;
  /** @internal */
  readyInMs = 0;
  /** @internal */
  receipt: unknown = undefined;
  /** @internal */
  ticket = 0;
  /** @internal */
  secondTicket = 0;
  /** @internal */
  tickets: readonly number[] | undefined = undefined;

  /** Of a request that has no key yet. @internal */
  constructor(owner: LeaseOwner, request: AskedRequest) {
    this.#owner = owner;
    this.request = request;
  }

  /**
   * A store granted this key.
   * @param reservation the lease itself, where the store filled it
   * @internal
   */
  begin(key: PooledKey, reservation: Reservation, startedAt: number, allowance = onTime): this {
    this.#key = key;
    this.#secret = key.secret;
    this.provider = key.account.provider;
    this.allowance = allowance;
    if (reservation !== this) {
      this.reservation = reservation;
      this.reservedAt = startedAt;
    }
    return this;
  }

  /** @internal */
  get granted(): true {
    return true;
  }

  /** @internal */
  get id(): string {
    return String(this.number);
  }

  /** @internal */
  get readyAt(): number {
    return this.reservedAt + this.readyInMs;
  }

  /** Monotonic milliseconds. */
  get startedAt(): number {
    return this.reservedAt;
  }

  /** @internal */
  get key(): PooledKey {
    return this.#key;
  }

  /** What it is sent with: classifications are about this one. @internal */
  get secretUsed(): KeySecret {
    return this.#secret;
  }

  get keyId(): string {
    return this.key.id;
  }

  /** Which key of the pool it is, counted from 1 in the order in which keys came; a number is never given to another key. */
  get ordinal(): number {
    return this.key.ordinal;
  }

  get account(): string {
    return this.key.account.name;
  }

  /** The credential to send. Private to inspection and JSON. */
  get secret(): string {
    return this.notes?.secret ?? (this.#secret.peek() as string);
  }

  /** The credential as a bearer token. */
  get bearer(): string {
    return this.notes?.secret === undefined ? this.#secret.bearer : `Bearer ${this.secret}`;
  }

  get baseURL(): URL | undefined {
    return this.key.config.route?.baseURL;
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    return this.key.config.route?.headers;
  }

  get query(): Readonly<Record<string, string>> | undefined {
    return this.key.config.route?.query;
  }

  get answeredAt(): number {
    return this.notes?.answeredAt ?? 0;
  }

  /** Milliseconds the request waited inside for this key. */
  get waitedMs(): number {
    return this.notes?.waitedMs ?? 0;
  }

  set waitedMs(waitedMs: number) {
    noteOn(this).waitedMs = waitedMs;
  }

  /** As its provider knows it. Found when it is needed; at the latest when the answer is classified. */
  get model(): string | undefined {
    const noted = this.notes?.model ?? undefined;
    return noted ?? (this.#key?.config.models === undefined ? this.request.model : realModel(this));
  }

  set model(model: string | undefined) {
    if (model !== undefined) noteOn(this).model = model;
  }

  /** Looks for the model in the request, where nobody did. @internal */
  findModel(shape: RequestShape): void {
    if (this.model === undefined && this.notes?.model !== null) {
      const found = this.request.findModel?.(shape) ?? null;
      noteOn(this).model = found === null || this.#key.config.models === undefined ? found : nameOf(this, found);
    }
  }

  /** Where the attempt goes, for cooldowns of a whole provider; empty where nobody said so. */
  get origin(): string {
    return this.notes?.origin ?? this.baseURL?.origin ?? this.request.origin ?? "";
  }

  set origin(origin: string) {
    noteOn(this).origin = origin;
  }

  /** What its failure put into cooldown. @internal */
  get marks(): readonly CooldownChange[] {
    return this.notes?.marks ?? noMarks;
  }

  set marks(marks: readonly CooldownChange[]) {
    noteOn(this).marks = marks;
  }

  /** Did its failure put this key or its account into cooldown? One of a whole origin only orders keys. */
  get marked(): boolean {
    return this.notes?.marks.some(({ scope }) => !isOriginScope(scope)) === true;
  }

  /** A secret that was fetched for this lease alone. @internal */
  hold(secret: string): this {
    noteOn(this).secret = secret;
    return this;
  }

  /** The response's headers are here. */
  answered(): void {
    noteOn(this).answeredAt = this.#owner.now();
  }

  /** Gives the key back. Only the first call counts. */
  settle(result: LeaseResult): void {
    if (this.settled) return;
    this.settled = true;
    this.#owner.onEnd(this, result);
  }

  /** What it is about, without what it works with. @internal */
  toJSON(): object {
    const { keyId, account, startedAt, waitedMs, settled } = this;
    return { keyId, account, startedAt, waitedMs, settled };
  }
}

// No method of its own: a private one would cost every lease a field.
function noteOn(lease: Lease): LeaseNotes {
  lease.notes ??= new LeaseNotes();
  return lease.notes;
}

/** What its key's provider calls a model. */
function nameOf({ key }: Lease, model: string): string {
  return realName(key.config.models, model);
}

function realModel(lease: Lease): string | undefined {
  const { model } = lease.request;
  return model === undefined ? undefined : nameOf(lease, model);
}
