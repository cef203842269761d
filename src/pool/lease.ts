import type { RequestShape } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import type { Reservation } from "../limits/store.ts";
import type { LeaseFacts, LeaseResult } from "../ports.ts";
import type { CooldownChange } from "../types.ts";
import type { Allowance } from "./asking/counting-delay.ts";
import type { KeySecret } from "./keys/key-secret.ts";
import type { PooledKey } from "./keys/pooled-key.ts";
import type { AcquireRequest } from "./rotator-options.ts";

/** What a lease needs of the rotator that gave it. */
export interface LeaseOwner {
  now(): number;
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
interface LeaseNotes {
  /** Monotonic milliseconds of the response's headers; 0 before. */
  answeredAt: number;
  waitedMs: number;
  origin: string | undefined;
  model: string | undefined;
  isSearched: boolean;
  secret: string | undefined;
  marks: readonly CooldownChange[] | undefined;
}

/** One acquired key with its reservations, to be settled exactly once. */
export class Lease {
  readonly #owner: LeaseOwner;
  /** Private: its settings hold the secret. */
  readonly #key: PooledKey;
  /** The key's may be replaced while the request is under way. */
  readonly #secret: KeySecret;
  /** Whose key it is: what the request is sent and its answer read by. @internal */
  readonly provider: ProviderReading;
  /** @internal */
  readonly reservation: Reservation;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  settled = false;
  /** How late it may be counted. @internal */
  readonly allowance: Allowance;
  /** Whose key it is. @internal */
  readonly request: AskedRequest;
  /** What observers see of it, once one looks; written by them. @internal */
  facts: LeaseFacts | undefined = undefined;
  #notes: LeaseNotes | undefined = undefined;

  /** @internal */
  constructor(
    owner: LeaseOwner,
    key: PooledKey,
    reservation: Reservation,
    startedAt: number,
    allowance: Allowance,
    request: AskedRequest,
  ) {
    this.request = request;
    this.#owner = owner;
    this.#key = key;
    this.#secret = key.secret;
    this.provider = key.account.provider;
    this.reservation = reservation;
    this.startedAt = startedAt;
    this.allowance = allowance;
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
    return this.#notes?.secret ?? (this.#secret.peek() as string);
  }

  /** The credential as a bearer token. */
  get bearer(): string {
    return this.#notes?.secret === undefined ? this.#secret.bearer : `Bearer ${this.secret}`;
  }

  get baseURL(): URL | undefined {
    return this.key.config.baseURL;
  }

  get headers(): Readonly<Record<string, string>> | undefined {
    return this.key.config.headers;
  }

  get query(): Readonly<Record<string, string>> | undefined {
    return this.key.config.query;
  }

  get answeredAt(): number {
    return this.#notes?.answeredAt ?? 0;
  }

  /** Milliseconds the request waited inside for this key. */
  get waitedMs(): number {
    return this.#notes?.waitedMs ?? 0;
  }

  set waitedMs(waitedMs: number) {
    this.#note().waitedMs = waitedMs;
  }

  /** Found when it is needed; at the latest when the answer is classified. */
  get model(): string | undefined {
    return this.#notes?.model ?? this.request.model;
  }

  set model(model: string | undefined) {
    if (model !== undefined) this.#note().model = model;
  }

  /** Looks for the model in the request, where nobody did. @internal */
  findModel(shape: RequestShape): void {
    if (this.model === undefined && this.#notes?.isSearched !== true) {
      const notes = this.#note();
      notes.isSearched = true;
      notes.model = this.request.findModel?.(shape);
    }
  }

  /** Where the attempt goes, for cooldowns of a whole provider; empty where nobody said so. */
  get origin(): string {
    return this.#notes?.origin ?? this.baseURL?.origin ?? this.request.origin ?? "";
  }

  set origin(origin: string) {
    this.#note().origin = origin;
  }

  /** What its failure put into cooldown. @internal */
  get marks(): readonly CooldownChange[] {
    return this.#notes?.marks ?? [];
  }

  set marks(marks: readonly CooldownChange[]) {
    this.#note().marks = marks;
  }

  /** Did its failure put this key or its account to rest? */
  get marked(): boolean {
    return this.marks.length > 0;
  }

  /** A secret that was fetched for this lease alone. @internal */
  hold(secret: string): this {
    this.#note().secret = secret;
    return this;
  }

  /** The response's headers are here. */
  answered(): void {
    this.#note().answeredAt = this.#owner.now();
  }

  /** Gives the key back. Only the first call counts. */
  settle(result: LeaseResult): void {
    if (this.settled) return;
    this.settled = true;
    this.#owner.onEnd(this, result);
  }

  #note(): LeaseNotes {
    this.#notes ??= {
      answeredAt: 0,
      waitedMs: 0,
      origin: undefined,
      model: undefined,
      isSearched: false,
      secret: undefined,
      marks: undefined,
    };
    return this.#notes;
  }
}
