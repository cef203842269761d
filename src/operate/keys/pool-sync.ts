import { InvalidOptionsError } from "../../errors.ts";
import { type Account, KeyPool, type PooledKey, secretUnknown } from "../../pool/keys/key-pool.ts";
import { KeySecret, unknownSecret } from "../../pool/keys/key-secret.ts";
import type { ResolvedKey } from "../../pool/keys/key-source.ts";
import type { KeyRecord } from "../../pool/keys/key-store.ts";
import type { ListedKeys } from "../../pool/keys/listed-keys.ts";
import type { Clock, KeyConfig } from "../../types.ts";
import type { KeyLedger } from "./key-ledger.ts";
import { differences, keyOfRecord, withSettings } from "./key-records.ts";

/** What became of a key when the pool was made to agree with what is known of it. */
export interface KeyChange {
  readonly id: string;
  readonly kind: "added" | "removed" | "changed";
  /** Has it another secret now? */
  readonly isReplaced: boolean;
  /** Names of settings that differ now. */
  readonly changed: readonly string[];
  /** To be switched on or off; `undefined`: stays as it is. */
  readonly switchTo: boolean | undefined;
  readonly touched: readonly Account[];
}

export interface PoolSyncParts {
  readonly ledger: KeyLedger;
  readonly listed: ListedKeys;
  readonly fingerprint: (secret: string) => string;
  readonly clock: Clock;
  readonly failed: (error: unknown) => void;
}

/** Makes the pool agree with what is known of keys: what the source lists, with what operators said laid over it. */
export class PoolSync {
  readonly pool = new KeyPool();
  /** Keys as operators gave them to this process. */
  readonly given = new Map<string, ResolvedKey>();
  /** Secrets they gave in place of those the source lists. */
  readonly replacements = new Map<string, KeyConfig["secret"]>();
  readonly #parts: PoolSyncParts;

  constructor(parts: PoolSyncParts) {
    this.#parts = parts;
  }

  /** What a key is to be; `undefined`: there is to be none. */
  target(id: string): ResolvedKey | undefined {
    const record = this.#parts.ledger.get(id);
    if (record?.removed) return undefined;
    const listed = this.#parts.listed.get(id);
    const base = record?.addedBy === "operator" ? this.#givenFor(record, listed) : (this.given.get(id) ?? listed);
    if (base === undefined || record === undefined) return base;
    const key = withSettings(base, record.settings);
    if (record.replaces === undefined) return key;
    return { ...key, secret: record.given?.secret ?? this.replacements.get(id) ?? key.secret };
  }

  /**
   * Makes the pool agree on one key. Returns what that changed; `undefined` for nothing.
   * @param isQuiet switches it too; otherwise that is left to whoever tells of it
   */
  follow(id: string, isQuiet = false): KeyChange | undefined {
    const target = this.target(id);
    const key = this.pool.keys.get(id);
    if (target !== undefined) return key === undefined ? this.#enter(target) : this.#adapt(key, target, isQuiet);
    if (key === undefined) return undefined;
    key.overlap?.cancel();
    return change(id, "removed", { touched: [this.pool.remove(key)] });
  }

  /** What an operator gave, in this process or another; without its secret where nobody kept that. */
  #givenFor(record: KeyRecord, listed: ResolvedKey | undefined): ResolvedKey {
    const { id } = record;
    const own = this.given.get(id);
    if (record.given === undefined) return own ?? listed ?? keyOfRecord(record, this.#parts.fingerprint);
    if (own !== undefined && own.secret === record.given.secret) return own;
    try {
      const key = keyOfRecord(record, this.#parts.fingerprint);
      this.given.set(id, key);
      return key;
    } catch (error) {
      if (!InvalidOptionsError.isInstance(error)) throw error;
      this.#parts.failed(error);
      return own ?? listed ?? keyOfRecord({ ...record, given: undefined }, this.#parts.fingerprint);
    }
  }

  #enter(target: ResolvedKey): KeyChange {
    const key = this.pool.add(target, this.#secretOf(target), this.#parts.clock.monotonic());
    if (!key.enabled) key.offReason = this.#reasonFor(target);
    return change(key.id, "added", { touched: [key.account] });
  }

  #adapt(key: PooledKey, target: ResolvedKey, isQuiet: boolean): KeyChange | undefined {
    const before = key.config;
    const isReplaced = before.secret !== target.secret;
    const changed = differences(before, target);
    const touched: Account[] = [];
    let now = key;
    if (before.account !== target.account) {
      const [from, to] = this.pool.move(key, target);
      touched.push(from, to);
      now = this.pool.keys.get(key.id) as PooledKey;
    } else touched.push(key.account);
    now.take(target, isReplaced ? this.#secretOf(target) : now.secret);
    if (isReplaced) forgetVerdicts(now, target);
    const switchTo = serves(before) === serves(target) ? undefined : serves(target);
    if (switchTo !== undefined && isQuiet) {
      now.enabled = switchTo;
      now.givenUp = false;
    }
    if (!serves(target)) now.offReason = this.#reasonFor(target);
    now.account.refresh();
    this.pool.noteRules(target);
    return change(key.id, "changed", { isReplaced, changed, switchTo, touched });
  }

  #reasonFor({ id, secret }: ResolvedKey): string | undefined {
    if (secret === unknownSecret) return secretUnknown;
    return this.#parts.ledger.get(id)?.settings.disabledReason;
  }

  #secretOf({ secret }: ResolvedKey): KeySecret {
    return new KeySecret(secret, this.#parts.fingerprint, this.#parts.clock);
  }
}

/** May it be given to requests? */
function serves({ enabled, secret }: ResolvedKey): boolean {
  return enabled && secret !== unknownSecret;
}

/** Verdicts on the old secret do not follow a new one. Of one that is fetched nobody knows yet whether it is new. */
function forgetVerdicts(key: PooledKey, { secret }: ResolvedKey): void {
  key.overlap?.cancel();
  key.overlap = undefined;
  if (typeof secret !== "string") return;
  key.restUntil = 0;
  key.credentialRefused = false;
  key.refusals = 0;
}

function change(id: string, kind: KeyChange["kind"], details: Partial<KeyChange>): KeyChange {
  return { id, kind, isReplaced: false, changed: [], switchTo: undefined, touched: [], ...details };
}
