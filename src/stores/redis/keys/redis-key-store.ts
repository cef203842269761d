import { systemClock } from "../../../clock.ts";
import { KeyStoreError } from "../../../errors.ts";
import type { Unsubscribe } from "../../../limits/store.ts";
import type { KeyChangeAnswer, KeyChanges, KeyRecord, KeyRecords, KeyStore } from "../../../pool/keys/key-store.ts";
import { commanderOf } from "../wire/client.ts";
import { CommandBudget } from "../wire/command-budget.ts";
import { CredentialCipher } from "./credential-cipher.ts";
import { checkKeyStoreOptions, type RedisKeyStoreOptions } from "./options.ts";
import { noVersion, RecordScripts, type StoredTexts } from "./record-scripts.ts";
import { type KeptRecord, RecordText } from "./record-text.ts";
import { VersionWatch } from "./version-watch.ts";

/** So many records are decrypted at once. */
const atOnce = 256;
/** Others may lose or change the records so often while one thing is done. */
const mostRounds = 20;

/** What is known to have been kept, to be told to a server that lost it. */
interface Known {
  readonly version: string;
  /** The version they began with. */
  readonly born: string;
  readonly kept: ReadonlyMap<string, KeptRecord>;
}

/**
 * Operators' changes to keys, in Redis, for all processes that share a pool. What one of them changes the others see. Secrets
 * leave the process only with an `encryptionKey`, and then encrypted.
 *
 * @example
 * import { createRotatingFetch } from "rotating-fetch";
 * import { RedisKeyStore, RedisStore } from "rotating-fetch/redis";
 *
 * const store = new RedisStore({ client, pool: "openai" });
 * const keyStore = new RedisKeyStore({ client, pool: "openai", encryptionKey: process.env.KEY_RECORDS_KEY });
 * const fetch = createRotatingFetch({ provider: "openai", keys, store, keyStore });
 */
export class RedisKeyStore implements KeyStore {
  readonly storesSecrets: boolean;
  readonly #pool: string;
  readonly #texts: RecordText;
  readonly #scripts: RecordScripts;
  readonly #cipher: CredentialCipher | undefined;
  readonly #budget: CommandBudget;
  readonly #watch: VersionWatch;
  /** Whose keys these are, as soon as that is known; it does not change any more. */
  #owner = "";
  #known: Known = { version: noVersion, born: "", kept: new Map() };
  /** Answers are numbered as they come: one that takes longer to decrypt must not take the place of a later one. */
  #answers = 0;
  #knownSince = 0;

  /** @throws InvalidOptionsError naming the option that cannot work. Nothing of an encryption key is told. */
  constructor(options: RedisKeyStoreOptions) {
    checkKeyStoreOptions(options);
    const { client, pool, prefix = "rf", encryptionKey, commandTimeoutMs = 5000, pollMs = 2000 } = options;
    const { clock = systemClock, random = Math.random } = options;
    const commander = commanderOf(client);
    this.#pool = pool;
    this.#cipher = encryptionKey === undefined ? undefined : new CredentialCipher(encryptionKey, prefix, pool);
    this.storesSecrets = this.#cipher !== undefined;
    this.#texts = new RecordText(pool, this.#cipher);
    this.#scripts = new RecordScripts(commander, prefix, pool);
    this.#budget = new CommandBudget(clock, commandTimeoutMs);
    const ask = (): Promise<string> => this.#budget.within(this.#scripts.version(), () => {});
    const { subscribe } = commander;
    this.#watch = new VersionWatch({ subscribe, channel: this.#scripts.channel, ask, clock, random, pollMs });
  }

  /** @throws KeyStoreError when the server cannot be asked in time. */
  async claim(owner: string): Promise<string> {
    // Also where the server lost it: the records this process knows are not anybody else's.
    if (this.#owner !== "") return this.#owner;
    const holder = await this.#within("could not be claimed in Redis", this.#scripts.claim(owner));
    if (holder === owner) this.#owner = owner;
    return holder;
  }

  /**
   * Where the server lost the records, it is given those this process knew; also where others began anew meanwhile, but for what
   * operators have said since.
   * @throws KeyStoreError when the server cannot be asked in time, a record is damaged or cannot be decrypted, or the server lost
   * the records and has another provider's since.
   */
  async load(): Promise<KeyRecords> {
    const { version, kept } = await this.#load();
    return { version, records: Array.from(kept.values(), ({ record }) => record) };
  }

  /** @throws KeyStoreError when the server cannot be asked in time: the change may be made all the same. */
  async apply({ put, drop }: KeyChanges, expectedVersion: string): Promise<KeyChangeAnswer> {
    const written = await inTurns(put, (record) => this.#texts.write(record));
    return this.#change(written, drop, expectedVersion);
  }

  watch(listener: (version: string) => void): Unsubscribe {
    return this.#watch.add(listener);
  }

  /**
   * Encrypts anew what was encrypted with another key than the first of `encryptionKey`, which then is needed no more. Returns
   * how many records that were.
   * @throws KeyStoreError as `load()` and `apply()` do.
   */
  async reencrypt(): Promise<number> {
    for (let round = 0; round < mostRounds; round++) {
      const { version, kept } = await this.#load();
      const outdated: KeyRecord[] = [];
      for (const { record, sealed } of kept.values()) {
        if (sealed !== undefined && (await this.#cipher?.isCurrent(sealed)) === false) outdated.push(record);
      }
      if (outdated.length === 0) return 0;
      const { applied } = await this.apply({ put: outdated, drop: [] }, version);
      if (applied) return outdated.length;
    }
    throw this.#failure(`were changed by others ${mostRounds} times in a row`);
  }

  async #load(): Promise<Known> {
    for (let round = 0; round < mostRounds; round++) {
      const stored = await this.#within("could not be read from Redis", this.#scripts.read(this.#owner));
      this.#expectOwner(stored.owner);
      const order = ++this.#answers;
      const kept = await this.#opened(stored);
      const lost = await this.#lostIn(stored, kept);
      if (lost.length > 0) {
        await this.#change(lost, [], stored.version, this.#known.version);
        continue;
      }
      const known = { version: stored.version, born: stored.born, kept };
      this.#learn(known, order);
      this.#watch.read(known.version);
      return known;
    }
    throw this.#failure(`were lost by Redis ${mostRounds} times in a row`);
  }

  /** What this process knows to have been kept, and others who began anew do not. */
  async #lostIn(
    { version, born, restored }: StoredTexts,
    found: ReadonlyMap<string, KeptRecord>,
  ): Promise<readonly KeptRecord[]> {
    const known = this.#known;
    if (known.version === noVersion || (version !== noVersion && born === known.born)) return [];
    // Others who knew the same have put it back already.
    if (restored === known.version) return [];
    const lost = [...known.kept.values()].filter(({ record }) => {
      const now = found.get(record.id);
      return now === undefined || (saysNothing(now.record) && !saysNothing(record));
    });
    // Numbers are never another key's: whoever began anew may have given those of lost keys away.
    const kept = new Set(lost.map(({ record }) => record.id));
    const others = [...found.values()].flatMap(({ record }) => (kept.has(record.id) ? [] : (record.ordinal ?? [])));
    let highest = Math.max(0, ...others, ...lost.map(({ record }) => record.ordinal ?? 0));
    const taken = new Set(others);
    return inTurns(lost, async (each) => {
      const { ordinal } = each.record;
      if (ordinal === null || !taken.has(ordinal)) return each;
      return this.#texts.write({ ...each.record, ordinal: ++highest });
    });
  }

  /** @param restores the version of lost records that are put back with it */
  async #change(
    put: readonly KeptRecord[],
    drop: readonly string[],
    expectedVersion: string,
    restores = "",
  ): Promise<KeyChangeAnswer> {
    const next = globalThis.crypto.randomUUID();
    const texts = put.map(({ record, text }) => [record.id, text] as const);
    const changing = this.#scripts.change({ put: texts, drop, restores }, this.#owner, expectedVersion, next);
    const { version, owner } = await this.#within("could not be changed in Redis", changing);
    this.#expectOwner(owner);
    // Also where a client sent it again after a lost connection, and the second one found what the first one did.
    const applied = version === next;
    if (!applied) return { applied, version };
    if (this.#known.version === expectedVersion) {
      const kept = new Map(this.#known.kept);
      for (const id of drop) kept.delete(id);
      for (const each of put) kept.set(each.record.id, each);
      const born = expectedVersion === noVersion ? version : this.#known.born;
      this.#learn({ version, born, kept }, ++this.#answers);
    }
    this.#watch.heard(version);
    return { applied, version };
  }

  /** What did not change is not decrypted again. */
  async #opened({ texts }: StoredTexts): Promise<ReadonlyMap<string, KeptRecord>> {
    const { kept: before } = this.#known;
    const opened = await inTurns([...texts], async ([id, text]) => {
      const same = before.get(id);
      return [id, same?.text === text ? same : await this.#texts.read(id, text)] as const;
    });
    return new Map(opened);
  }

  /** What a process knows of one provider's keys is not told to, or taken from, another's. */
  #expectOwner(owner: string): void {
    if (this.#owner === "") this.#owner = owner;
    if (owner !== "" && owner !== this.#owner)
      throw this.#failure(`were those of provider ${this.#owner}, and are those of ${owner} now`);
  }

  #learn(known: Known, order: number): void {
    if (order < this.#knownSince) return;
    this.#known = known;
    this.#knownSince = order;
  }

  async #within<T>(what: string, running: Promise<T>): Promise<T> {
    try {
      return await this.#budget.within(running, () => {});
    } catch (cause) {
      const why = (cause as Error | undefined)?.name === "CommandTimeoutError" ? " in time" : "";
      throw this.#failure(what + why, cause);
    }
  }

  #failure(what: string, cause?: unknown): KeyStoreError {
    const message = `The key records of the pool ${JSON.stringify(this.#pool)} ${what}.`;
    return new KeyStoreError(message, cause === undefined ? undefined : { cause });
  }
}

/** Is it what a process writes of a key in its list, of which nobody said anything? */
function saysNothing({ addedBy, removed, settings, replaces, given }: KeyRecord): boolean {
  return (
    addedBy === "source" &&
    !removed &&
    replaces === undefined &&
    given === undefined &&
    Object.keys(settings).length === 0
  );
}

async function inTurns<T, R>(values: readonly T[], work: (value: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let first = 0; first < values.length; first += atOnce) {
    done.push(...(await Promise.all(values.slice(first, first + atOnce).map(work))));
  }
  return done;
}
