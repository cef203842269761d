import { RecentMap } from "../../recent-map.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account } from "../keys/pooled-key.ts";

/** So many conversations are remembered; one that was forgotten begins where its hash leads. */
const mostRemembered = 10_000;
/** An account with this much more under way than the others takes no new conversation. */
const loadBound = 1.25;

/**
 * Keeps requests of one conversation on one account, so that what its provider cached stays of use. Begins where rendezvous
 * hashing leads, which is the same in every process and moves only the conversations of an account that is gone; stays where
 * it was served last.
 */
export class Affinity {
  readonly #pool: KeyPool;
  readonly #served = new RecentMap<string>(mostRemembered);
  readonly #hashes = new WeakMap<Account, number>();

  constructor(pool: KeyPool) {
    this.#pool = pool;
  }

  /** The account a conversation belongs to, of those that may serve it. */
  accountFor(affinity: string, inFlight: number, mayServe: (account: Account) => boolean): Account | undefined {
    const id = this.#served.get(affinity);
    const known = id === undefined ? undefined : this.#pool.accountWith(id);
    if (known !== undefined && mayServe(known)) return known;
    return this.#begin(affinity, inFlight, mayServe);
  }

  /** From now on it belongs to the account that served it. */
  record(affinity: string, account: Account): void {
    this.#served.set(affinity, account.id);
  }

  #begin(affinity: string, inFlight: number, mayServe: (account: Account) => boolean): Account | undefined {
    const most = Math.max(1, (inFlight / Math.max(1, this.#pool.accountCount)) * loadBound);
    const seed = hashOf(affinity);
    let best: Account | undefined;
    let bestWeight = -1;
    let isBestFree = false;
    for (const account of this.#pool.accounts) {
      const isFree = account.inFlight <= most;
      if ((isBestFree && !isFree) || !mayServe(account)) continue;
      const weight = mix(seed ^ this.#hashOf(account));
      if (isFree === isBestFree && weight <= bestWeight) continue;
      best = account;
      bestWeight = weight;
      isBestFree = isFree;
    }
    return best;
  }

  #hashOf(account: Account): number {
    let hash = this.#hashes.get(account);
    if (hash === undefined) {
      hash = hashOf(account.name);
      this.#hashes.set(account, hash);
    }
    return hash;
  }
}

/** FNV-1a over UTF-16 units, mixed. Decides a place, keeps no secret. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/** MurmurHash3's finalizer. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
