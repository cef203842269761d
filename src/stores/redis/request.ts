import type { CooldownSource, Random } from "../../types.ts";
import type { Bucket, Candidate, CooldownChange, ReserveOptions, ScopeId } from "../store.ts";
import type { KeyNames } from "./key-names.ts";
import type { Settling } from "./settling.ts";

const kinds: Readonly<Record<Bucket["kind"], number>> = { rolling: 1, calendar: 2, anchored: 3, concurrency: 4 };
export const sources: readonly CooldownSource[] = ["authoritative", "heuristic", "credit", "operator"];

/** Kind, limit, guard, then window or edges: what the script needs to know of a bucket. */
type Spec = [kind: number, limit: number, guardMs: number, a: number, b: number, c: number];

interface Asked {
  /** The epoch, should there be none. */
  e: string;
  h?: { i: string; d: number };
  s?: { n: number; x: unknown[]; r: unknown[] };
  c?: unknown[];
  r?: { i: string; l: number; p: boolean; d: boolean; c: unknown[] };
  q?: { s: number; b: Spec[] };
}

/** Something the server does not know of: given out while it could not be asked, or forgotten by it. */
export interface Charge {
  readonly bucket: Bucket;
  readonly amount: number;
  /** On the server's clock. */
  readonly at: number;
  /** Of a place: who holds it, and until when at most. */
  readonly holder?: { readonly id: string; readonly expiresAt: number } | undefined;
}

/** What travels under one number. */
export interface Reports {
  readonly number: number;
  readonly charges: readonly Charge[];
  readonly settlings: readonly Settling[];
}

/** One call to the script: what it is asked, with the keys in the order in which it will use them. */
export class ScriptRequest {
  readonly #names: KeyNames;
  readonly #asked: Asked;
  readonly keys: string[];
  /** The first key is that of the epoch, which tells a cluster's client where to. */
  readonly #scopes = new Map<number, ScopeId>();
  /** After how many keys the reports begin, and each of them ends. */
  #chargesEnd = 0;
  readonly reportEnds: number[] = [];

  constructor(names: KeyNames, epoch: string) {
    this.#names = names;
    this.#asked = { e: epoch };
    this.keys = [names.epoch];
  }

  get json(): string {
    return JSON.stringify(this.#asked);
  }

  get reportsBegin(): number {
    return this.#chargesEnd;
  }

  /** The scope at a place among the keys, counted as the script does. */
  scopeAt(place: number): ScopeId {
    return this.#scopes.get(place) ?? "";
  }

  beat(instance: string, deadAfterMs: number): this {
    this.keys.push(this.#names.instances);
    this.#asked.h = { i: instance, d: deadAfterMs };
    return this;
  }

  settle(instance: string, { number, charges, settlings }: Reports, now: number, random: Random): this {
    this.keys.push(this.#names.reports(instance));
    const charged = charges.map(({ bucket, amount, at, holder }) => {
      this.keys.push(this.#names.bucket(bucket));
      const place = holder === undefined ? [] : [holder.id, Math.ceil(holder.expiresAt - now)];
      return [...specOf(bucket), finite(amount), Math.max(0, Math.floor(now - at)), ...place];
    });
    this.#chargesEnd = this.keys.length;
    const reports = settlings.map(({ reservation, isSuccess, needs, changes }) => {
      // Only scopes that were known then can have anything to learn or to give back.
      const scopes = isSuccess || reservation.isProbe ? reservation.known : [];
      for (const scope of scopes) this.#scope(scope);
      const settled = needs.map((need) => {
        this.keys.push(this.#names.bucket(need.bucket));
        return [...specOf(need.bucket), need.ticket, need.change, need.delayMs, need.real];
      });
      const { id, reservedAt } = reservation;
      const decided = changes.map((each) => this.#change(each, random));
      this.reportEnds.push(this.keys.length);
      return [id, isSuccess ? 1 : 0, scopes.length, reservedAt, settled, decided];
    });
    this.#asked.s = { n: number, x: charged, r: reports };
    return this;
  }

  cool(changes: readonly CooldownChange[], random: Random): this {
    this.#asked.c = changes.map((change) => this.#change(change, random));
    return this;
  }

  reserve(id: string, candidates: readonly Candidate[], { leaseMs, purpose, dryRun }: ReserveOptions): this {
    const asked = candidates.map(({ scopes, needs }) => {
      for (const scope of scopes) this.keys.push(this.#names.scope(scope));
      const amountsVary = needs.some(({ bucket }) => isOfTokens(bucket));
      const wanted = needs.map(({ bucket, amount }) => {
        this.keys.push(this.#names.bucket(bucket));
        const again = amountsVary && bucket.dimension !== "requests" ? 1 : amount;
        return [...specOf(bucket), finite(amount), finite(again)];
      });
      return [scopes.length, wanted];
    });
    this.#asked.r = { i: id, l: finite(Math.ceil(leaseMs)), p: purpose === "probe", d: dryRun === true, c: asked };
    return this;
  }

  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): this {
    for (const scope of scopes) this.#scope(scope);
    for (const bucket of buckets) this.keys.push(this.#names.bucket(bucket));
    this.#asked.q = { s: scopes.length, b: buckets.map(specOf) };
    return this;
  }

  #scope(scope: ScopeId): void {
    this.keys.push(this.#names.scope(scope));
    this.#scopes.set(this.keys.length, scope);
  }

  #change({ scope, set, reason, source }: CooldownChange, random: Random): unknown[] {
    this.#scope(scope);
    const from = sources.indexOf(source) + 1;
    if (set === "end") return ["e", from, reason];
    if ("forMs" in set) return ["f", from, reason, finite(set.forMs)];
    const { baseMs, factor, maxMs, jitter } = set.ladder;
    // A script's own random numbers are the same every time.
    const spread = 1 + jitter * random();
    return ["l", from, reason, finite(baseMs), factor, finite(maxMs), spread, finite(set.attemptStartedAt)];
  }
}

/** Do amounts of this bucket differ from request to request? */
function isOfTokens({ dimension }: Bucket): boolean {
  return dimension === "tokens" || dimension === "inputTokens" || dimension === "outputTokens";
}

function specOf({ kind, limit, guardMs, windowMs = 0, edges }: Bucket): Spec {
  const [a, b, c] = edges ?? [finite(Math.ceil(windowMs)), 0, 0];
  return [kinds[kind], finite(limit), Math.ceil(guardMs), a, b, c];
}

/** JSON knows no infinity. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : Math.sign(value) * Number.MAX_VALUE;
}
