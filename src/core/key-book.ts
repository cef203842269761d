import { InvalidOptionsError, KeySourceError } from "../errors.ts";
import type { Awaitable, KeyConfig, KeyList } from "../types.ts";
import { atMost } from "./bounded-wait.ts";
import { mayBeSecret, unexpectedSecret } from "./expectations.ts";
import { createFingerprint } from "./fingerprint.ts";
import { type Account, KeyPool, type PooledKey } from "./key-pool.ts";
import { KeySecret } from "./key-secret.ts";
import { type ResolvedKey, resolveKey, resolveKeys } from "./key-source.ts";
import type { ResolvedRotatorOptions } from "./rotator-options.ts";

/** A function that lists keys and takes longer has failed; the next request asks it anew. Milliseconds. */
const longestReadMs = 30_000;

export interface ReloadResult {
  readonly added: number;
  readonly removed: number;
  readonly kept: number;
  readonly touched: ReadonlySet<Account>;
}

/** Which keys there are, and how that changes: from the source, from operators, on reload. */
export class KeyBook {
  readonly pool = new KeyPool();
  readonly #options: Pick<ResolvedRotatorOptions, "keys" | "clock">;
  readonly #fingerprint: (secret: string) => string;
  /** Keys an operator added: a reload of the source does not take them away. */
  readonly #added = new Set<string>();
  /** What operators asked for before the source was first read. */
  #postponed: (() => void)[] = [];
  loaded = false;

  constructor(options: Pick<ResolvedRotatorOptions, "keys" | "clock" | "idSecret" | "limits">) {
    this.#options = options;
    this.#fingerprint = createFingerprint(options.idSecret);
    this.pool.noteLimits(options.limits);
  }

  /** Makes the pool hold exactly the list's keys and those that were added by hand; keys that stay keep their state. */
  replaceAll(list: KeyList | undefined): ReloadResult {
    const wanted = resolveKeys(list, this.#fingerprint);
    const touched = new Set<Account>();
    const ids = new Set(wanted.map(({ id }) => id));
    let removed = 0;
    for (const key of [...this.pool.keys.values()]) {
      if (ids.has(key.id) || this.#added.has(key.id)) continue;
      touched.add(this.pool.remove(key));
      removed++;
    }
    let added = 0;
    for (const config of wanted) {
      const known = this.pool.keys.get(config.id);
      if (known === undefined) {
        touched.add(this.pool.add(config, this.#secretOf(config), this.#options.clock.monotonic()).account);
        added++;
      } else if (known.config.account !== config.account) {
        touched.add(this.pool.remove(known));
        touched.add(this.pool.add(config, this.#secretOf(config), this.#options.clock.monotonic()).account);
      } else {
        this.#update(known, config);
        touched.add(known.account);
      }
    }
    this.loaded = true;
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const change of postponed) {
      try {
        change();
      } catch {
        // A store that throws is no reason for the keys not to be there.
      }
    }
    return { added, removed, kept: wanted.length - added, touched };
  }

  /** Keeps a change for the moment the source is first read. Returns whether that is still to come. */
  postpone(change: () => void): boolean {
    if (!this.loaded) this.#postponed.push(change);
    return !this.loaded;
  }

  /**
   * Reads the source again.
   * @throws KeySourceError when it fails or lists nothing usable; the keys there were stay.
   */
  async reload(): Promise<ReloadResult> {
    const source = this.#options.keys;
    let list: KeyList | undefined;
    try {
      list = typeof source === "function" ? await this.#read(source) : source;
    } catch (cause) {
      throw new KeySourceError("The function that lists the keys failed.", { cause });
    }
    try {
      return this.replaceAll(list);
    } catch (cause) {
      if (!this.loaded && cause instanceof InvalidOptionsError) throw cause;
      throw new KeySourceError("The function that lists the keys returned something unusable.", { cause });
    }
  }

  #read(source: () => Awaitable<KeyList>): Promise<KeyList> {
    const late = (): Error => new DOMException(`No answer within ${longestReadMs} ms`, "TimeoutError");
    return atMost(Promise.resolve(source()), longestReadMs, this.#options.clock, late);
  }

  add(entry: string | KeyConfig): { pooled: PooledKey; isNew: boolean } {
    const [config] = resolveKeys([entry], this.#fingerprint) as [ResolvedKey];
    const known = this.pool.keys.get(config.id) ?? this.#withSecret(config.secret);
    if (known !== undefined) {
      if (known.secret.isFrom(config.secret)) return { pooled: known, isNew: false };
      const came = "that of a key with another secret; `replace(id, secret)` gives that key a new one";
      throw unexpectedSecret("key.id", "one that no other key has", came);
    }
    this.#added.add(config.id);
    this.loaded ||= typeof this.#options.keys !== "function";
    return { pooled: this.pool.add(config, this.#secretOf(config), this.#options.clock.monotonic()), isNew: true };
  }

  remove(key: PooledKey): Account {
    this.#added.delete(key.id);
    return this.pool.remove(key);
  }

  /** @throws InvalidOptionsError for a secret that cannot be one, or that another key has. */
  replaceSecret(key: PooledKey, secret: KeyConfig["secret"]): void {
    const config = resolveKey("key", { secret, id: key.id }, this.#fingerprint);
    const owner = typeof config.secret === "string" ? this.#withSecret(config.secret, key) : undefined;
    if (owner !== undefined) {
      const whose = this.#hasTellingId(owner) ? `that of the key \`${owner.id}\`` : "that of another one";
      throw unexpectedSecret("key.secret", "a secret that no other key has", whose);
    }
    const merged = { ...key.config, secret: config.secret };
    key.take(merged, this.#secretOf(merged));
  }

  #update(key: PooledKey, config: ResolvedKey): void {
    // An operator's switch stands unless the source itself changed its mind.
    if (key.config.enabled !== config.enabled) key.enabled = config.enabled;
    key.take(config, key.secret.isFrom(config.secret) ? key.secret : this.#secretOf(config));
    key.account.refresh();
    this.pool.noteRules(config);
  }

  #withSecret(secret: KeyConfig["secret"], besides?: PooledKey): PooledKey | undefined {
    for (const key of this.pool.keys.values()) if (key !== besides && key.secret.isFrom(secret)) return key;
    return undefined;
  }

  /** An id that somebody made of a secret is in no message. */
  #hasTellingId({ id, secret }: PooledKey): boolean {
    return id === secret.fingerprint || !mayBeSecret(id);
  }

  #secretOf(config: ResolvedKey): KeySecret {
    return new KeySecret(config.secret, this.#fingerprint, this.#options.clock);
  }
}
