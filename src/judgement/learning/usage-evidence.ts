import type { Account, KeyPool } from "../../pool/keys/key-pool.ts";
import type { Lease } from "../../pool/lease.ts";
import type { HeaderReader } from "../../ports.ts";
import type { Classification } from "../../types.ts";
import type { HeaderCounter, Provider } from "../provider.ts";
import type { AccountInference } from "./account-inference.ts";

/** Beyond so many accounts nobody is compared with all others. */
const mostAccounts = 64;
/** The other one must have been used so often before it tells anything. */
const leastUse = 8;
/** A suspicion is proved or dropped within this time unless the refusal says how long it holds; milliseconds. */
const suspicionMs = 60_000;
/** How often a counter must have fallen with another account's use. */
const timesSeen = 3;
/** Milliseconds between two looks at an account's counter. */
const sampleMs = 250;

interface Refusal {
  readonly account: Account;
  readonly use: number;
  readonly at: number;
  readonly until: number;
}

interface Sample {
  readonly at: number;
  readonly remaining: number;
  /** How often each account had been used, by slot. */
  readonly used: ReadonlyMap<Account, number>;
}

/**
 * Looks for accounts whose use goes together: one that is refused after less than half of what another one served, where the
 * other is then refused in its turn; and one whose counter falls by what the other one used. Equal accounts that run dry in the
 * same second show neither.
 */
export class UsageEvidence {
  readonly #pool: KeyPool;
  readonly #inference: AccountInference;
  readonly #counter: HeaderCounter | undefined;
  /** Refusals that hold, by account. */
  readonly #refusals = new Map<Account, Refusal>();
  /** Who is suspected to share with a refused one, and was not refused yet. */
  readonly #suspicions = new Map<Account, Refusal>();
  readonly #samples = new Map<Account, Sample>();
  /** How often in a row a counter fell with another account's use. */
  readonly #seen = new Map<Account, Map<Account, number>>();

  constructor(pool: KeyPool, inference: AccountInference, { headers = [], sharedBy }: Provider) {
    this.#pool = pool;
    this.#inference = inference;
    const isShared = sharedBy === "account" || sharedBy === "project";
    this.#counter = headers.find(
      ({ dimension, remaining, scope = isShared ? "account" : "key" }) =>
        dimension === "requests" && remaining !== undefined && scope !== "key",
    );
  }

  get #comparable(): boolean {
    return this.#pool.accountCount > 1 && this.#pool.accountCount <= mostAccounts;
  }

  /** An account's own quota was used up, as its provider says. */
  refused(account: Account, judged: Classification, now: number): void {
    if (!isRequestQuota(judged) || !this.#comparable) return;
    const use = account.usedSince(now);
    const refusal = { account, use, at: now, until: now + (judged.retryAfterMs ?? suspicionMs) };
    this.#refusals.set(account, refusal);
    const suspicion = this.#suspicions.get(account);
    this.#suspicions.delete(account);
    if (suspicion !== undefined && now < suspicion.until) this.#joinIfUnequal(suspicion, refusal);
    const most = this.#mostUsedBeside(account, now);
    if (most === undefined || use * 2 >= most.usedSince(now)) return;
    const theirs = this.#refusals.get(most);
    if (theirs !== undefined && now < theirs.until) this.#joinIfUnequal(refusal, theirs);
    else this.#suspicions.set(most, refusal);
  }

  #joinIfUnequal(less: Refusal, more: Refusal): void {
    if (more.use < leastUse || less.use * 2 >= more.use) return;
    this.#inference.join(less.account, more.account, `refused together after ${less.use} and ${more.use} requests`);
  }

  #mostUsedBeside(account: Account, now: number): Account | undefined {
    let most: Account | undefined;
    for (const other of this.#pool.accounts) {
      if (other !== account && other.usedSince(now) > (most?.usedSince(now) ?? 0)) most = other;
    }
    return most;
  }

  get isWatching(): boolean {
    return this.#suspicions.size > 0;
  }

  /** It worked while the other one was refused: no suspicion is left. */
  succeeded({ key, startedAt }: Lease): void {
    const suspicion = this.#suspicions.get(key.account);
    if (suspicion !== undefined && startedAt > suspicion.at) this.#suspicions.delete(key.account);
  }

  /** Looks, now and then, whether a counter fell by more than its own account used. */
  observed({ key, startedAt }: Lease, headers: HeaderReader): void {
    if (this.#counter === undefined || !this.#comparable) return;
    const { account } = key;
    const before = this.#samples.get(account);
    if (before !== undefined && startedAt - before.at < sampleMs) return;
    const remaining = Number(headers.get(this.#counter.remaining as string) ?? Number.NaN);
    if (!Number.isFinite(remaining)) return;
    const used = new Map([...this.#pool.accounts].map((each) => [each, each.used]));
    this.#samples.set(account, { at: startedAt, remaining, used });
    // A counter that rose began anew.
    if (before !== undefined && remaining <= before.remaining) this.#compare(account, before, remaining);
  }

  #compare(account: Account, before: Sample, remaining: number): void {
    const own = account.used - (before.used.get(account) ?? 0);
    const unexplained = before.remaining - remaining - own;
    const fitting: Account[] = [];
    for (const other of this.#pool.accounts) {
      if (other === account) continue;
      const theirs = other.used - (before.used.get(other) ?? 0);
      // What is under way may be counted already or not.
      const doubt = account.inFlight - 1 + other.inFlight;
      if (theirs >= 2 + 3 * doubt && Math.abs(theirs - unexplained) <= doubt) fitting.push(other);
    }
    const [only] = fitting;
    // Several that fit, as equal shares of the traffic do, tell nothing.
    if (only === undefined || fitting.length > 1) {
      this.#seen.delete(account);
      return;
    }
    const times = (this.#seen.get(account)?.get(only) ?? 0) + 1;
    this.#seen.set(account, new Map([[only, times]]));
    if (times < timesSeen) return;
    this.#seen.delete(account);
    this.#inference.join(account, only, "what is left to one falls with the use of the other");
  }
}

/** A limit of requests, or one that may be: use is counted in requests here. */
function isRequestQuota({ kind, failover, sharedBy, dimension }: Classification): boolean {
  const isShared = sharedBy === "account" || sharedBy === "project";
  return kind === "rate_limit" && failover && isShared && (dimension === null || dimension === "requests");
}
