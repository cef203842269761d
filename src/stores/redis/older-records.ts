import { shownId } from "../../limits/scopes.ts";
import type {
  Blocked,
  Bucket,
  BucketState,
  Candidate,
  Counted,
  Need,
  Report,
  ScopeState,
  StoreReading,
} from "../../limits/store.ts";
import type { CooldownChange, ScopeId } from "../../types.ts";
import type { LoggedUse } from "./outage/usage-log.ts";
import { olderId } from "./wire/key-names.ts";

/** So long after its last sign of life, an instance may have taken something yet; milliseconds. */
const slackMs = 5000;
/** A cooldown that holds longer was copied into the records of this format by then. */
const cooldownsHoldMs = 24 * 3_600_000;
/** Permits of a process that ended come back with their leases: hardly one holds longer. */
const permitsHoldMs = 24 * 3_600_000;
/** Beyond so many, names are made anew. */
const mostNames = 50_000;

/**
 * The records of the format before, for as long as anything in them counts: what is asked of this format's is asked of them, too, and what
 * is answered is put together under the ids that others know. Format 1 (version 0.1.0) named accounts, keys and credentials without their
 * provider; its values are laid out the same.
 */
export class OlderRecords {
  /** The latest sign of life of an instance of that format, on the server's clock. */
  #seenAt: number;
  /** Of the time from then until they came back, nothing was counted here. */
  #goneFrom = Number.NEGATIVE_INFINITY;
  /** Of what stands in these records, the ids by which others know it. */
  readonly #ids = new Map<string, string>();
  /** Cooldowns that were copied into the records of this format, with their ends. */
  readonly #copied = new Map<ScopeId, number>();

  constructor(seenAt: number) {
    this.#seenAt = seenAt;
  }

  /** Returns whether they were gone before. */
  onSignOfLife(at: number): boolean {
    const wereGone = at > this.#seenAt + slackMs;
    if (wereGone) this.#goneFrom = this.#seenAt;
    this.#seenAt = Math.max(this.#seenAt, at);
    return wereGone;
  }

  /** What was taken while nothing was counted here, as it is to be told here. */
  untold(uses: readonly LoggedUse[]): LoggedUse[] {
    const untold = uses.filter(({ bucket, at }) => at >= this.#goneFrom + slackMs + holdsMs(bucket));
    return untold.map((use) => ({ ...use, bucket: this.bucket(use.bucket) }));
  }

  /** Does what was taken here still count at that time? */
  counts(bucket: Bucket, at: number): boolean {
    return at < this.#seenAt + slackMs + holdsMs(bucket);
  }

  /** The same, to be found in these records. */
  bucket(bucket: Bucket): Bucket {
    return { ...bucket, id: this.#older(bucket.id) };
  }

  candidates(candidates: readonly Candidate[], now: number): readonly Candidate[] {
    return candidates.map(({ scopes, needs, callerNeeds }) => ({
      scopes: this.scopes(scopes, now),
      needs: [...needs, ...this.#needs(needs, now)],
      callerNeeds,
    }));
  }

  scopes(scopes: readonly ScopeId[], now: number): readonly ScopeId[] {
    return this.#cools(now) ? [...scopes, ...scopes.map((scope) => this.#older(scope))] : scopes;
  }

  buckets(buckets: readonly Bucket[], now: number): readonly Bucket[] {
    const counting = buckets.filter((bucket) => this.counts(bucket, now));
    return [...buckets, ...counting.map((bucket) => this.bucket(bucket))];
  }

  counted(atLeast: readonly Counted[], now: number): readonly Counted[] {
    const counting = atLeast.filter(({ bucket }) => this.counts(bucket, now));
    return [...atLeast, ...counting.map(({ bucket, used }) => ({ bucket: this.bucket(bucket), used }))];
  }

  changes(changes: readonly CooldownChange[], now: number): readonly CooldownChange[] {
    if (!this.#cools(now)) return changes;
    return [...changes, ...changes.map((change) => ({ ...change, scope: this.#older(change.scope) }))];
  }

  report(report: Report, now: number): Report {
    const { cooldowns } = report;
    return cooldowns === undefined ? report : { ...report, cooldowns: this.changes(cooldowns, now) };
  }

  /** By the ids that others know. */
  blocked(blocked: readonly Blocked[]): readonly Blocked[] {
    return blocked.map((each) => ({ ...each, by: this.#idOf(each.by) }));
  }

  /** By the ids that others know; of the two records of a scope the one that holds longer. */
  states(states: readonly ScopeState[]): readonly ScopeState[] {
    const merged = new Map<ScopeId, ScopeState>();
    for (const state of states) {
      const scope = this.#idOf(state.scope);
      const other = merged.get(scope);
      if (other === undefined || other.until < state.until) merged.set(scope, { ...state, scope });
    }
    return [...merged.values()];
  }

  /** What was asked for, of both formats together. */
  reading({ now, scopes, buckets }: StoreReading, asked: readonly Bucket[]): StoreReading {
    const older = new Map(buckets.slice(asked.length).map((state) => [this.#idOf(state.id), state]));
    const fuller = (own: BucketState): BucketState => {
      const other = older.get(own.id);
      return other === undefined || other.used <= own.used ? own : { ...other, id: own.id };
    };
    return { now, scopes: this.states(scopes), buckets: buckets.slice(0, asked.length).map(fuller) };
  }

  /** Cooldowns that stand only in these records, so that they hold when nobody looks at these any more. */
  toCopy(states: readonly Pick<ScopeState, "scope" | "until" | "reason" | "source">[], now: number): CooldownChange[] {
    const changes: CooldownChange[] = [];
    for (const { scope, until, reason, source } of states) {
      const id = this.#ids.get(scope);
      if (id === undefined || until <= now || this.#copied.get(id) === until) continue;
      bound(this.#copied);
      this.#copied.set(id, until);
      changes.push({ scope: id, set: { forMs: until - now }, reason, source });
    }
    return changes;
  }

  #cools(now: number): boolean {
    return now < this.#seenAt + slackMs + cooldownsHoldMs;
  }

  #needs(needs: readonly Need[], now: number): Need[] {
    const counting = needs.filter(({ bucket }) => this.counts(bucket, now));
    return counting.map(({ bucket, amount }) => ({ bucket: this.bucket(bucket), amount }));
  }

  #older(id: string): string {
    const older = olderId(shownId(id));
    if (!this.#ids.has(older)) {
      bound(this.#ids);
      this.#ids.set(older, id);
    }
    return older;
  }

  #idOf(id: string): string {
    return this.#ids.get(id) ?? id;
  }
}

/** How long what was taken from it counts, milliseconds. */
function holdsMs({ kind, windowMs, edges, guardMs }: Bucket): number {
  if (kind === "concurrency") return permitsHoldMs;
  return guardMs + (windowMs ?? (edges === undefined ? 0 : edges[1] - edges[0]));
}

function bound(map: Map<string, unknown>): void {
  if (map.size >= mostNames) map.clear();
}
