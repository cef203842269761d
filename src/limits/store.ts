import type { Awaitable, Clock, CooldownChange, CooldownSource, Outcome, ScopeId } from "../types.ts";
import type { SharingChange, StoreSharing } from "./sharing.ts";

/** What counters of one limit have in common. */
export interface BucketTerms {
  readonly kind: "rolling" | "calendar" | "anchored" | "concurrency";
  /** What it counts, in whole numbers: any name. Of `requests` and `concurrency` a request mostly takes one. */
  readonly dimension: string;
  readonly limit: number;
  /** Length of a rolling or anchored window, milliseconds. */
  readonly windowMs?: number | undefined;
  /** Calendar windows: this window's start and end and the next one's end, epoch milliseconds; the store's own wall clock picks. */
  readonly edges?: readonly [start: number, end: number, nextEnd: number] | undefined;
  /**
   * By how much a provider's counting may lag behind our reserving, milliseconds. A rolling slot is free again at
   * reserved + window + min(time to headers, guard); around a calendar edge an amount must fit on both sides.
   */
  readonly guardMs: number;
}

/** One counter of one limit. */
export interface Bucket extends BucketTerms {
  /** Unique over the pool: the scope it counts for, `#`, the limit's id. */
  readonly id: string;
}

/** An amount wanted from a bucket. */
export interface Need {
  readonly bucket: Bucket;
  readonly amount: number;
}

/**
 * Needs of one key's own, which have no names until somebody asks: of a pool of 100,000 keys names and objects would be most of
 * what it holds. For a store inside this process.
 */
export interface OwnNeeds {
  /** In the order of the needs; one list for all keys that are counted alike. */
  readonly terms: readonly BucketTerms[];
  /** Whose they are, who gives nobody else buckets of their ids. @default these needs are to be found by their ids, too */
  readonly soleOf: object | undefined;
  /** Wanted at present, in the order of the needs. @default one of each */
  readonly amounts: readonly { readonly amount: number }[] | undefined;
  /** The bucket's. */
  idOf(place: number): string;
}

/** One key that could serve the request, with all that would be taken for it. */
export interface Candidate {
  /** A cooldown on any of them refuses the candidate. */
  readonly scopes: readonly ScopeId[];
  /** What its account gives. Reserved together with `callerNeeds`, or not at all. */
  readonly needs: readonly Need[];
  /** The same as `needs`, without names. A store may look at these instead. `null`: it has none. @default they have names */
  readonly own?: OwnNeeds | null | undefined;
  /**
   * What whoever asks may use: a client's or a tenant's own limits. They come after the account's: in `blocked` a bucket of theirs
   * refuses only what nothing of the account's does. A candidate that several ask with is copied for each. @default none
   */
  readonly callerNeeds?: readonly Need[] | undefined;
  /** A place for the store to keep what it looked up for this candidate. Nobody else reads it. */
  memo?: unknown;
}

export interface ReserveOptions {
  /**
   * So long after it was granted or last renewed, an open reservation gives back its permits and its probe's claim, milliseconds:
   * its process is taken for dead. Counts only in a store of several processes; within one, nobody dies alone.
   */
  readonly leaseMs: number;
  /** A probe passes `heuristic` and `credit` cooldowns, but only one at a time over all processes: the claim is the reservation. */
  readonly purpose: "request" | "probe";
  /** Decide, but take nothing. Serves `explain()`. */
  readonly dryRun?: boolean | undefined;
}

/** Quota taken. All times of a store are on the store's own clock: only differences between them mean anything outside. */
export interface Reservation {
  readonly granted: true;
  readonly id: string;
  /** Which of the candidates it is for. */
  readonly index: number;
  readonly reservedAt: number;
  /**
   * When the same candidate could be reserved again: `reservedAt` while there is room, later when this took the last of something.
   * Of tokens any amount counts as room.
   */
  readonly readyAt: number;
  /** What refused the candidates before this one, from a store that is asked about several. @default not told */
  readonly blocked?: readonly Blocked[] | undefined;
}

/**
 * A reservation in an object that the asker brought along: a store on the asker's clock may write what it grants into it and
 * return that very object, so that a request needs no second one. Other stores return a reservation of their own.
 */
export interface Hold extends Reservation {
  index: number;
  reservedAt: number;
  /** Whole milliseconds from `reservedAt` to `readyAt`: small numbers need no memory of their own. */
  readyInMs: number;
  /** Whatever the store needs when it is settled, the following too; `undefined` before and after. Nobody else reads it. */
  receipt: unknown;
  number: number;
  ticket: number;
  secondTicket: number;
  tickets: readonly number[] | undefined;
}

export interface Blocked {
  readonly index: number;
  /** Scope id or bucket id that refused; `"store"`: the store cannot be asked, and refuses everybody. */
  readonly by: string;
  /** Store time at which it may be asked again; `null`: only a release helps. */
  readonly until: number | null;
  /**
   * Where a bucket refused an amount of more than one: store time at which a smaller amount may fit, which may be now.
   * @default `until`
   */
  readonly anyUntil?: number | undefined;
  /** Present when a cooldown refused. */
  readonly source?: CooldownSource | undefined;
  readonly reason?: string | undefined;
}

export interface Refusal {
  readonly granted: false;
  /** The store's time of this decision. */
  readonly now: number;
  readonly blocked: readonly Blocked[];
}

/** Amounts by dimension: whole numbers, whatever they count. Tokens, images, credits, or millionths of a currency. */
export type Amounts = { readonly [dimension: string]: number | undefined };

/** What a bucket is said to have used of the window that holds. Of permits nobody can say so. */
export interface Counted {
  readonly bucket: Bucket;
  readonly used: number;
}

/**
 * Small texts by name, bounded and expiring: what would be too many goes, that which ends first before others. A name is a hash of what it
 * stands for: nobody can read a store for what clients said.
 */
export interface Pins {
  put(name: string, value: string, forMs: number): Awaitable<void>;
  get(name: string): Awaitable<string | undefined>;
}

export interface Report {
  readonly reservation: Reservation;
  readonly outcome: Outcome;
  /** Only `"no"` (DNS, connect or TLS failed) gives quota back. */
  readonly sent: "no" | "yes" | "unknown";
  /**
   * Milliseconds to response headers from when the caller had the reservation. Where that is later than `reservedAt`, as over a
   * network, the store adds the way back itself.
   */
  readonly headersAfterMs?: number | undefined;
  /**
   * How much later than the guard the request may have been counted, because it opened a connection or was one of a burst;
   * milliseconds. As far as the time to headers bears it out. @default 0
   */
  readonly allowanceMs?: number | undefined;
  /** Real amounts by dimension, where the answer told them. @default what was reserved */
  readonly amounts?: Amounts | undefined;
  readonly cooldowns?: readonly CooldownChange[] | undefined;
}

/** What a store knows of one scope. Times on the store's clock. */
export interface ScopeState {
  readonly scope: ScopeId;
  readonly now: number;
  /** End of the cooldown; at or before `now` when there is none. */
  readonly until: number;
  readonly startedAt: number;
  readonly reason: string;
  readonly source: CooldownSource;
  /** Consecutive failures; outlives the cooldown's end, cleared by a success. */
  readonly strikes: number;
}

/** What a bucket holds now. */
export interface BucketState {
  readonly id: string;
  readonly used: number;
  readonly left: number;
  /** Milliseconds until something is free again; `null` when nothing is counted. */
  readonly resetInMs: number | null;
}

export interface StoreReading {
  readonly now: number;
  /** Only scopes that are known; a scope never cooled is absent. */
  readonly scopes: readonly ScopeState[];
  /** In the order asked. */
  readonly buckets: readonly BucketState[];
}

export type StoreChange =
  | { readonly type: "cooled"; readonly state: ScopeState }
  | { readonly type: "freed"; readonly scope: ScopeId | null };

export type Unsubscribe = () => void;

/** Counters and cooldowns as plain data, keyed by id. Its shape belongs to the store that wrote it. */
export interface StoreDump {
  readonly format: string;
  readonly version: number;
  readonly state: unknown;
}

/**
 * Where counters and cooldowns live. Small and atomic: every method is one step that nothing else can come between.
 * A store owns its time: durations travel in, its own timestamps travel out. Results may be synchronous.
 */
export interface Store {
  /** How many candidates one `reserve` should carry: one where asking is free, several over a network. @default 16 */
  readonly candidatesPerReserve?: number | undefined;
  /**
   * The clock whose monotonic side the store's times are on, for a store inside this process that answers synchronously and
   * keeps none of the lists it is given. @default the store's own
   */
  readonly clock?: Clock | undefined;
  /**
   * Takes quota for the first candidate that no cooldown covers and whose every bucket has room, or says what blocks each.
   * @param into may be filled and returned, where `clock` is the asker's; @default none
   */
  reserve(candidates: readonly Candidate[], options: ReserveOptions, into?: Hold): Awaitable<Reservation | Refusal>;
  /**
   * Ends reservations: real amounts replace estimates, permits are freed, what was decided is applied.
   * Safe to repeat. `atLeast` is what somebody who knows says of buckets: it raises what they count as used, as if the difference had
   * been taken now, and never lowers it. Returns the state of every scope a cooldown change or a success touched.
   */
  settle(reports: readonly Report[], atLeast?: readonly Counted[]): Awaitable<readonly ScopeState[]>;
  /** Sets or ends cooldowns outside of a request. */
  cooldown(changes: readonly CooldownChange[]): Awaitable<readonly ScopeState[]>;
  read(scopes: readonly ScopeId[], buckets: readonly Bucket[]): Awaitable<StoreReading>;
  /** Tells of what others changed, as far as the store can. */
  watch?(listener: (change: StoreChange) => void): Unsubscribe;
  /**
   * Scopes in a cooldown now, for a store inside this process: a pool that begins on one that counted before, or is shared by
   * several pools, learns so which models cool on their own.
   * @param accounts whose they may be, each its provider and its name: an older record may lack the provider
   */
  cooling?(accounts: () => readonly string[]): Iterable<ScopeId>;
  close?(): Awaitable<void>;
  /** Which account something belongs to, for whoever asks for it again. @default each process remembers for itself */
  readonly pins?: Pins | undefined;
  /**
   * Is the caller the one that does it? For `forMs` milliseconds from the first that asked, nobody else is; then whoever asks next.
   * @default each process does it
   */
  claim?(name: string, forMs: number): Awaitable<boolean>;
}

/** A store of several processes, any of which may die: what it has in flight then comes back with its leases. */
export interface SharedStore extends Store {
  /**
   * Keeps the leases of all open reservations that this handle gave out: each ends its own `leaseMs` from now. A lease that has ended
   * stays so. Asked every third of a lease by whoever has anything in flight.
   */
  renew(): Awaitable<void>;
  /** Tells of what others changed, as far as the store can: `sharing().listening` says whether it does. */
  watch(listener: (change: StoreChange) => void): Unsubscribe;
  /** How it stands with the others at the moment. */
  sharing(): StoreSharing;
  /** Tells when that changes. Once it is told `shared`, whoever waits may ask again. */
  onSharing(listener: (change: SharingChange) => void): Unsubscribe;
}

/** What it holds can be had as plain data, and be put into another of its kind that nobody has used yet. */
export interface Dumpable {
  dump(): Awaitable<StoreDump>;
  load(dump: StoreDump): Awaitable<void>;
}

export function isDumpable<T extends Store>(store: T): store is T & Dumpable {
  return "dump" in store && "load" in store;
}

/** Does it tell of changes by itself? */
export function isListening(store: Store): boolean {
  return isShared(store) ? store.sharing().listening : store.watch !== undefined;
}

/** Do other processes see what it holds? */
export function isShared(store: Store): store is SharedStore {
  return "renew" in store;
}
