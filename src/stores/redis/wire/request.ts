import { amountVaries, needsOf } from "../../../limits/amounts.ts";
import type { Bucket, Candidate, Counted, Need, ReserveOptions } from "../../../limits/store.ts";
import type { CooldownChange, Random, ScopeId } from "../../../types.ts";
import { sources } from "./answer.ts";
import type { AnsweredSlot } from "./answered-slots.ts";
import { type KeyNames, recordFormat } from "./key-names.ts";
import type { Settling } from "./settling.ts";

const kinds: Readonly<Record<Bucket["kind"], number>> = { rolling: 1, calendar: 2, anchored: 3, concurrency: 4 };
/** Of so many descriptions of buckets the latest are compared: most of a pool's buckets are described alike. */
const mostCompared = 8;

/** Kind, limit, guard, then window or edges: what the script needs to know of a bucket. */
type Spec = readonly number[];

/** What the script is asked, in the places of keys and descriptions. */
interface Asked {
  /** The epoch, should there be none. */
  readonly e: string;
  /** Who asks. */
  readonly i: string;
  /** Where the keys begin that are read at once. */
  f: number;
  /** Descriptions of buckets. */
  readonly p: Spec[];
  h?: [place: number, deadAfterMs: number, epoch: string, lastAt: number, olderPlace: number, format: number];
  s?: [number: number, charges: unknown[], answered: number[], reports: unknown[], raised?: number[]];
  c?: unknown[];
  /** Candidates, each once, and the questions about them: all in one list each. */
  readonly k: number[];
  l?: unknown[];
  r?: number[];
  q?: { s: number[]; b: number[] };
}

/** Something the server does not know of: given out while it could not be asked, or forgotten by it. */
export interface Charge {
  readonly bucket: Bucket;
  readonly amount: number;
  /** On the server's clock. */
  readonly at: number;
  /** Of a permit: who holds it, and until when at most. */
  readonly holder?: { readonly id: string; readonly expiresAt: number } | undefined;
}

/** An open reservation, with what ends with its lease. */
export interface Leased {
  /** Of the instance's reservations. */
  readonly number: number;
  readonly leaseMs: number;
  readonly needs: readonly Need[];
  /** Scopes that its probe claimed. */
  readonly claimed: readonly ScopeId[];
}

/** What travels under one number. */
export interface Reports {
  readonly number: number;
  readonly charges: readonly Charge[];
  readonly settlings: readonly Settling[];
  readonly answered: readonly AnsweredSlot[];
  /** What buckets are said to have used at least. */
  readonly raised: readonly Counted[];
}

/** One call to the script: what it is asked, with each key it needs named once. */
export class ScriptRequest {
  readonly #names: KeyNames;
  readonly #asked: Asked;
  /** Of buckets and instances; with what comes after them these are the call's keys. */
  readonly #keys: string[] = [];
  readonly #places = new Map<string, number>();
  /** What is read at once: the epoch, an instance's last report, and scopes. */
  readonly #stored: string[];
  readonly #scopePlaces = new Map<ScopeId, number>();
  readonly #scopes: ScopeId[] = [];
  readonly #candidates = new Map<Candidate, number>();
  /** Those that candidates need. */
  readonly #needed: Bucket[] = [];

  constructor(names: KeyNames, instance: string, epoch: string) {
    this.#names = names;
    this.#asked = { e: epoch, i: instance, f: 0, p: [], k: [] };
    this.#stored = [names.epoch, names.reports(instance)];
  }

  get keys(): readonly string[] {
    return [...this.#keys, ...this.#stored];
  }

  get json(): string {
    this.#asked.f = this.#keys.length + 1;
    return JSON.stringify(this.#asked);
  }

  /** Is there anything to be asked? */
  get isEmpty(): boolean {
    const { h, s, c, l, r, q } = this.#asked;
    return [h, s, c, l, r, q].every((part) => part === undefined);
  }

  /** How many candidates the questions are about. */
  get candidates(): number {
    return this.#candidates.size;
  }

  /** What the questions are about. */
  get buckets(): readonly Bucket[] {
    return this.#needed;
  }

  /** The scope at a place as the script counts them. */
  scopeAt(place: number): ScopeId {
    return this.#scopes[place - firstScope] ?? "";
  }

  /** A sign of life. `last`: when this instance gave the one before, on the server's clock, and in which epoch. */
  beat(deadAfterMs: number, last: { readonly epoch: string; readonly at: number }): this {
    const { instances, olderInstances } = this.#names;
    const [own, older] = [this.#place(instances), this.#place(olderInstances)];
    this.#asked.h = [own, deadAfterMs, last.epoch, last.at, older, recordFormat];
    return this;
  }

  settle({ number, charges, settlings, answered, raised }: Reports, now: number, random: Random): this {
    const charged = charges.map(({ bucket, amount, at, holder }) => {
      const held = holder === undefined ? [] : [holder.id, Math.ceil(holder.expiresAt - now)];
      return [...this.#bucket(bucket), finite(amount), Math.max(0, Math.floor(now - at)), ...held];
    });
    const counted: number[] = [];
    for (const { bucket, ticket, count, delayMs } of answered) {
      counted.push(...this.#bucket(bucket), ticket, count, delayMs);
    }
    const reports = settlings.map((settling, at) => this.#report(at + 1, settling, random));
    this.#asked.s = [number, charged, counted, reports];
    if (raised.length > 0) {
      this.#asked.s[4] = raised.flatMap(({ bucket, used }) => [...this.#bucket(bucket), finite(used)]);
    }
    return this;
  }

  #report(at: number, { reservation, isSuccess, needs, changes }: Settling, random: Random): unknown[] {
    // Only scopes that were known then can have anything to learn or to give back.
    const scopes = isSuccess || reservation.isProbe ? reservation.known : [];
    const settled: number[] = [];
    for (const { bucket, ticket, change, delayMs, real } of needs) {
      settled.push(this.#place(this.#names.bucket(bucket)), this.#spec(bucket), ticket, change, delayMs, real);
    }
    const { number, reservedAt } = reservation;
    const decided = changes.map((each) => this.#change(each, random));
    return [at, number, isSuccess ? 1 : 0, reservedAt, scopes.map((each) => this.#scope(each)), settled, decided];
  }

  cool(changes: readonly CooldownChange[], random: Random): this {
    this.#asked.c = changes.map((change) => this.#change(change, random));
    return this;
  }

  /** Each lease ends as long from now as it was granted for. */
  renew(holders: readonly Leased[]): this {
    this.#asked.l = holders.map(({ number, leaseMs, needs, claimed }) => {
      const permits: number[] = [];
      for (const { bucket, amount } of needs) {
        if (bucket.kind === "concurrency") permits.push(...this.#bucket(bucket), amount);
      }
      return [number, finite(Math.ceil(leaseMs)), permits, claimed.map((scope) => this.#scope(scope))];
    });
    return this;
  }

  /** May be asked several times: the script answers in this order, each as if the ones before had been answered. */
  reserve(number: number, candidates: readonly Candidate[], { leaseMs, purpose, dryRun }: ReserveOptions): this {
    const purposeCode = (purpose === "probe" ? 1 : 0) + (dryRun === true ? 2 : 0);
    this.#asked.r ??= [];
    this.#asked.r.push(number, finite(Math.ceil(leaseMs)), purposeCode, candidates.length);
    for (const candidate of candidates) this.#asked.r.push(this.#candidate(candidate));
    return this;
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): this {
    this.#asked.q = { s: scopes.map((each) => this.#scope(each)), b: buckets.flatMap((each) => this.#bucket(each)) };
    this.#needed.push(...buckets);
    return this;
  }

  #candidate(candidate: Candidate): number {
    const before = this.#candidates.get(candidate);
    if (before !== undefined) return before;
    const { scopes } = candidate;
    const needs = needsOf(candidate);
    const asked = this.#asked.k;
    // Counted from 1.
    const place = asked.length + 1;
    asked.push(scopes.length, needs.length);
    for (const scope of scopes) asked.push(this.#scope(scope));
    const varies = needs.some(({ bucket }) => amountVaries(bucket));
    for (const { bucket, amount } of needs) {
      const again = varies && amountVaries(bucket) ? 1 : amount;
      asked.push(this.#place(this.#names.bucket(bucket)), this.#spec(bucket), finite(amount), finite(again));
      this.#needed.push(bucket);
    }
    this.#candidates.set(candidate, place);
    return place;
  }

  #bucket(bucket: Bucket): [place: number, spec: number] {
    return [this.#place(this.#names.bucket(bucket)), this.#spec(bucket)];
  }

  #place(key: string): number {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#keys.push(key);
      this.#places.set(key, place);
    }
    return place;
  }

  #scope(scope: ScopeId): number {
    let place = this.#scopePlaces.get(scope);
    if (place === undefined) {
      place = this.#stored.push(this.#names.scope(scope));
      this.#scopes.push(scope);
      this.#scopePlaces.set(scope, place);
    }
    return place;
  }

  #spec(bucket: Bucket): number {
    const { p } = this.#asked;
    for (let place = p.length; place > 0 && place > p.length - mostCompared; place--) {
      if (describes(p[place - 1] as Spec, bucket)) return place;
    }
    return p.push(specOf(bucket));
  }

  #change({ scope, set, reason, source }: CooldownChange, random: Random): unknown[] {
    const place = this.#scope(scope);
    const from = sources.indexOf(source) + 1;
    if (set === "end") return [place, "e", from, reason];
    if ("forMs" in set) return [place, "f", from, reason, finite(set.forMs)];
    const { baseMs, factor, maxMs, jitter } = set.ladder;
    // A script's own random numbers are the same every time.
    const spread = 1 + jitter * random();
    return [place, "l", from, reason, finite(baseMs), factor, finite(maxMs), spread, finite(set.attemptStartedAt)];
  }
}

/** After the epoch and the last report. */
const firstScope = 3;

function specOf({ kind, limit, guardMs, windowMs, edges }: Bucket): Spec {
  const spec = [kinds[kind], finite(limit), Math.ceil(guardMs)];
  if (edges !== undefined) spec.push(...edges);
  else if (windowMs !== undefined) spec.push(finite(Math.ceil(windowMs)));
  return spec;
}

/** Is it what `specOf` would say, too? */
function describes(spec: Spec, { kind, limit, guardMs, windowMs, edges }: Bucket): boolean {
  if (spec[0] !== kinds[kind] || spec[1] !== finite(limit) || spec[2] !== Math.ceil(guardMs)) return false;
  if (edges !== undefined) return spec[3] === edges[0] && spec[4] === edges[1] && spec[5] === edges[2];
  return windowMs === undefined ? spec.length === 3 : spec.length === 4 && spec[3] === finite(Math.ceil(windowMs));
}

/** JSON knows no infinity. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : Math.sign(value) * Number.MAX_VALUE;
}
