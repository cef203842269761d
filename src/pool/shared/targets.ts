import { nameInScope } from "../../limits/scopes.ts";
import type { Clock, ScopeId } from "../../types.ts";
import type { KeyPool } from "../keys/key-pool.ts";
import type { Account, PooledKey } from "../keys/pooled-key.ts";

/** Keys are listed by their credential so often at most, milliseconds. */
const listMs = 1000;
/** What a cooldown stops; without an account: all, or an origin. */
export interface Target {
  readonly account?: Account;
  readonly key?: PooledKey;
  readonly model?: string;
}

/** Finds whose a scope is that a store names. */
export class Targets {
  readonly #pool: KeyPool;
  readonly #egress: string;
  readonly #clock: Clock;
  readonly #byCredential = new Map<string, PooledKey>();
  #listedAt = Number.NEGATIVE_INFINITY;

  constructor(pool: KeyPool, egress: string, clock: Clock) {
    this.#pool = pool;
    this.#egress = egress;
    this.#clock = clock;
  }

  /** Whose cooldown it is; `undefined`: nobody's here. */
  of(scope: ScopeId): Target | undefined {
    const pool = this.#pool;
    const kind = scope.slice(0, scope.indexOf(":"));
    const name = nameInScope(scope);
    if (kind === "provider") return {};
    if (kind === "model") return modelTarget(pool, name);
    if (kind === "account") {
      const account = pool.accountWith(name);
      return account && { account };
    }
    const provider = name.slice(0, name.indexOf("/"));
    const own = name.slice(provider.length + 1);
    if (kind === "ip") return own === this.#egress || pool.hasOwnEgress ? {} : undefined;
    const key = kind === "key" ? pool.keys.get(own) : kind === "credential" ? this.#keyWith(own) : undefined;
    return key?.account.provider.id === provider ? { account: key.account, key } : undefined;
  }

  /** A secret that is fetched may be another by now. */
  #keyWith(fingerprint: string): PooledKey | undefined {
    const { keys } = this.#pool;
    const has = (key: PooledKey | undefined): boolean =>
      key !== undefined &&
      !key.isDynamic &&
      keys.get(key.id) === key &&
      (key.secret.fingerprint ?? key.id) === fingerprint;
    // Most are named by it.
    for (const key of [keys.get(fingerprint), this.#byCredential.get(fingerprint)]) if (has(key)) return key;
    const now = this.#clock.monotonic();
    if (now - this.#listedAt < listMs) return undefined;
    this.#listedAt = now;
    this.#byCredential.clear();
    for (const key of keys.values()) this.#byCredential.set(key.secret.fingerprint ?? key.id, key);
    const key = this.#byCredential.get(fingerprint);
    return has(key) ? key : undefined;
  }
}

/** Which account and model a name belongs to: both may have the sign in them that stands between. */
export function modelTarget(pool: KeyPool, name: string): Target | undefined {
  for (let end = name.indexOf("|"); end !== -1; end = name.indexOf("|", end + 1)) {
    const account = pool.accountWith(name.slice(0, end));
    if (account !== undefined) return { account, model: name.slice(end + 1) };
  }
  return undefined;
}
