import { atMost } from "../../clock.ts";
import { InvalidOptionsError, KeySourceError } from "../../errors.ts";
import { CommonProtocol } from "../../judgement/provider-detection.ts";
import { isPromise } from "../../realms.ts";
import type { Awaitable, Clock } from "../../types.ts";
import type { PoolTerms } from "./accounts.ts";
import { createFingerprint } from "./fingerprint.ts";
import type { KeyList, KeySource, ReadProvider } from "./key-config.ts";
import { readKeys } from "./key-list.ts";
import { KeyPool } from "./key-pool.ts";
import { unknownSecret } from "./key-secret.ts";
import { type ListedKey, type ResolvedKey, resolvedKey } from "./key-source.ts";
import { type Account, type PooledKey, secretUnknown } from "./pooled-key.ts";

/** A function that lists keys and takes longer has failed; the next request asks it anew. Milliseconds. */
const longestReadMs = 30_000;

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

/** Where it is remembered what operators said. */
export interface KeptOverrides {
  /** Is it kept in a store? Then operators may bring all keys, and the list may be empty. */
  readonly isKept: boolean;
  /** Reads what is kept, for the first time. Synchronous where the store is. */
  load(): Awaitable<void>;
  /** Reads it again; a failure is told, and what was known stays. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** What operators said of keys, laid over what the source lists. Nobody said anything: there is none. */
export interface KeyOverrides {
  readonly kept: KeptOverrides;
  /** The keys of a list under the ids that operators know them by. */
  identified(wanted: readonly ResolvedKey[]): readonly ResolvedKey[];
  /** Every key there may be, in the order of their numbers; what has none yet comes last. */
  ids(): Iterable<string>;
  /** What a key is to be; `undefined`: there is to be none. */
  target(id: string): ResolvedKey | undefined;
  /** Why operators have a key off, where they said so. */
  offReason(id: string): string | undefined;
  /** The pool agrees with a list that was read. */
  followed(): void;
}

export interface ReloadResult {
  readonly added: number;
  readonly removed: number;
  readonly kept: number;
  readonly touched: ReadonlySet<Account>;
}

export interface KeyRegistryOptions {
  readonly keys: KeySource | undefined;
  readonly clock: Clock;
  readonly idSecret: string | undefined;
  readonly terms: PoolTerms;
}

/** The settings whose change is told. */
const settingNames = ["weight", "priority", "account", "note", "models"] as const;

/**
 * Which keys there are: those the source lists, with what operators said of them laid over it. The pool is made to agree with
 * that key by key, so that keys which stay keep their state.
 */
export class KeyRegistry {
  readonly pool: KeyPool;
  readonly fingerprint: (secret: string) => string;
  readonly readProvider: ReadProvider;
  overrides: KeyOverrides | undefined;
  readonly #options: KeyRegistryOptions;
  /** What the source lists, and the same by id once somebody asks for it so. */
  #list: readonly ListedKey[] = [];
  #byId: ReadonlyMap<string, ResolvedKey> | undefined;
  /** What operators asked for before the source was first read. */
  #postponed: (() => void)[] = [];
  /** Was the source read? Written here alone. */
  isLoaded = false;

  constructor(options: KeyRegistryOptions) {
    this.#options = options;
    this.fingerprint = createFingerprint(options.idSecret);
    this.readProvider = options.terms.readProvider;
    this.pool = new KeyPool(options.terms, { fingerprint: this.fingerprint, clock: options.clock });
  }

  /** What the source lists, by id. */
  get listed(): ReadonlyMap<string, ResolvedKey> {
    this.#byId ??= new Map(this.#list.map((key) => resolvedKey(key, this.fingerprint)).map((key) => [key.id, key]));
    return this.#byId;
  }

  /**
   * Begins with keys that are there already, unless the key store takes its time.
   * @throws InvalidOptionsError for what cannot be a list of keys, and a store with another provider's; KeyStoreError when the store
   * cannot be read.
   */
  open(): void {
    const { keys } = this.#options;
    if (typeof keys === "function") return;
    const wanted = this.#read(keys);
    const loading = this.overrides?.kept.load();
    // Whoever needs the keys waits for the same read, and hears of its failure.
    if (isPromise(loading)) loading.catch(() => {});
    else this.#take(wanted);
  }

  /** What operators said is kept somewhere that is not read yet: the list counts once it is, together with that. */
  layOver(overrides: KeyOverrides): void {
    this.overrides = overrides;
    this.isLoaded = false;
  }

  /** Keeps a change for the moment the source is first read. Returns whether that is still to come. */
  postpone(change: () => void): boolean {
    if (!this.isLoaded) this.#postponed.push(change);
    return !this.isLoaded;
  }

  /**
   * Reads the source again, and what operators changed elsewhere.
   * @throws KeySourceError when the source fails or lists nothing usable; the keys there were stay. KeyStoreError when the key
   * store could not be read yet.
   */
  async reload(): Promise<ReloadResult> {
    const kept = this.overrides?.kept;
    await (this.isLoaded ? kept?.refresh() : kept?.load());
    const source = this.#options.keys;
    let list: KeyList | undefined;
    try {
      list = typeof source === "function" ? await this.#ask(source) : source;
    } catch (cause) {
      throw new KeySourceError("The function that lists the keys failed.", { cause });
    }
    try {
      return this.#take(this.#read(list));
    } catch (cause) {
      if (!this.isLoaded && InvalidOptionsError.isInstance(cause)) throw cause;
      throw new KeySourceError("The function that lists the keys returned something unusable.", { cause });
    }
  }

  /**
   * Makes the pool agree on one key. Returns what that changed; `undefined` for nothing.
   * @param isQuiet switches it too; otherwise that is left to whoever tells of it
   */
  follow(id: string, isQuiet = false): KeyChange | undefined {
    const target = this.#target(id);
    const key = this.pool.keys.get(id);
    if (target !== undefined) return key === undefined ? this.#enter(target) : this.#adapt(key, target, isQuiet);
    if (key === undefined) return undefined;
    return change(id, "removed", { touched: [this.pool.remove(key)] });
  }

  #target(id: string): ResolvedKey | undefined {
    return this.overrides === undefined ? this.listed.get(id) : this.overrides.target(id);
  }

  /** Where operators bring keys, a list may begin empty. */
  #read(list: KeyList | undefined): ListedKey[] {
    const isEmpty = Array.isArray(list) && list.length === 0;
    return isEmpty && this.overrides?.kept.isKept === true ? [] : this.read(list);
  }

  /**
   * Checks a list of keys, each with the provider it names.
   * @throws InvalidOptionsError naming the entry and the field.
   */
  read(list: KeyList<string> | undefined): ListedKey[] {
    const { ownProvider, home, isAnyProtocol } = this.#options.terms;
    if (isAnyProtocol) return readKeys(list, this.fingerprint, this.readProvider);
    const common = new CommonProtocol();
    let isPlainSeen = false;
    return readKeys(list, this.fingerprint, this.readProvider, (field, key) => {
      const route = typeof key === "string" ? undefined : key.route;
      if (route?.baseURL === undefined && isPlainSeen) return;
      isPlainSeen ||= route?.baseURL === undefined;
      common.expect(`${field}.provider`, (route?.provider ?? ownProvider).provider, route?.baseURL ?? home);
    });
  }

  #ask(source: () => Awaitable<KeyList>): Promise<KeyList> {
    const late = (): Error => new DOMException(`No answer within ${longestReadMs} ms`, "TimeoutError");
    return atMost(Promise.resolve(source()), longestReadMs, this.#options.clock, late);
  }

  /** Makes the pool hold exactly the list's keys and those of operators; keys that stay keep their state. */
  #take(wanted: readonly ListedKey[]): ReloadResult {
    const { overrides, pool } = this;
    if (pool.keys.size === 0 && overrides === undefined) return this.#takeFirst(wanted);
    const keys = wanted.map((key) => resolvedKey(key, this.fingerprint));
    this.#list = overrides === undefined ? keys : overrides.identified(keys);
    this.#byId = undefined;
    const before = new Set(pool.keys.keys());
    const touched = new Set<Account>();
    const follow = (id: string): void => {
      for (const account of this.follow(id, true)?.touched ?? []) touched.add(account);
    };
    for (const id of before) if (this.#target(id) === undefined) follow(id);
    for (const id of overrides?.ids() ?? this.listed.keys()) follow(id);
    overrides?.followed();
    this.isLoaded = true;
    this.#makePostponed();
    const present = [...this.listed.keys()].filter((id) => pool.keys.has(id));
    const added = present.filter((id) => !before.has(id)).length;
    const removed = [...before].filter((id) => !pool.keys.has(id)).length;
    return { added, removed, kept: present.length - added, touched };
  }

  /** Nothing was there before, and nobody says anything of it. */
  #takeFirst(wanted: readonly ListedKey[]): ReloadResult {
    this.#list = wanted;
    this.#byId = undefined;
    this.pool.begin(wanted, this.#options.clock.monotonic());
    this.isLoaded = true;
    this.#makePostponed();
    return { added: wanted.length, removed: 0, kept: 0, touched: new Set() };
  }

  #makePostponed(): void {
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const make of postponed) {
      try {
        make();
      } catch {
        // A store that throws is no reason for the keys not to be there.
      }
    }
  }

  #enter(target: ResolvedKey): KeyChange {
    const key = this.pool.add(target, this.#options.clock.monotonic());
    if (!key.enabled) key.explainOff(this.#reasonFor(target));
    return change(key.id, "added", { touched: [key.account] });
  }

  #adapt(key: PooledKey, target: ResolvedKey, isQuiet: boolean): KeyChange | undefined {
    const before = key.config;
    const served = before.enabled && key.secret.isKnown;
    const isReplaced = key.source !== target.secret;
    const changed = settingNames.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(target[name]));
    const touched: Account[] = [];
    let now = key;
    if (before.account !== target.account || before.route?.provider !== target.route?.provider) {
      const [from, to] = this.pool.move(key, target);
      touched.push(from, to);
      now = this.pool.keys.get(key.id) as PooledKey;
    } else touched.push(key.account);
    now.take(target, isReplaced ? this.pool.secretOf(target.secret) : now.secret);
    // What was said of the old secret does not follow a new one. Of one that is fetched nobody knows yet whether it is new.
    if (isReplaced && typeof target.secret === "string") now.endCooldown();
    const switchTo = served === serves(target) ? undefined : serves(target);
    if (switchTo !== undefined && isQuiet) {
      if (switchTo) now.switchOn();
      else now.switchOff(now.troubles.offReason);
    }
    if (!serves(target)) now.explainOff(this.#reasonFor(target));
    now.account.refresh();
    this.pool.noteRules(target);
    return change(key.id, "changed", { isReplaced, changed, switchTo, touched });
  }

  #reasonFor({ id, secret }: ResolvedKey): string | undefined {
    return secret === unknownSecret ? secretUnknown : this.overrides?.offReason(id);
  }
}

/** May it be given to requests? */
function serves({ enabled, secret }: ResolvedKey): boolean {
  return enabled && secret !== unknownSecret;
}

function change(id: string, kind: KeyChange["kind"], details: Partial<KeyChange>): KeyChange {
  return { id, kind, isReplaced: false, changed: [], switchTo: undefined, touched: [], ...details };
}
