import { sha1 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Commander } from "../wire/client.ts";

/** Part of the names: versions that understand the records differently do not meet. Raise it when their layout changes. */
const layoutVersion = 1;
const versionField = "version";
/** Whose keys these are: whoever said so first. */
const ownerField = "owner";
/** The version the records began with: others, where they were lost and begun anew. */
const bornField = "born";
/** The version of lost records that were put back last. */
const restoredField = "restored";
/** In front of ids, so that none is taken for a field of another kind. */
const idMark = "k:";
/** Names the state before the first change. */
export const noVersion = "none";

interface NamedScript {
  readonly text: string;
  readonly sha: string;
}

/** Nobody is told of in `ARGV[1]` by who has no owner. */
const owning = `
local owner = redis.call('HGET', KEYS[1], '${ownerField}')
if not owner and ARGV[1] ~= '' then
  owner = ARGV[1]
  redis.call('HSET', KEYS[1], '${ownerField}', owner)
end`;

const claiming = script(`${owning}
return owner`);

/** A hash's fields and values, taken at one moment. Where the server lost the owner with the rest, it is told again. */
const reading = script(`${owning}
return redis.call('HGETALL', KEYS[1])`);

/**
 * Changes the records if they are at the expected version, and answers with the version there is then, and the owner. Another
 * owner's are left alone. Whoever may not publish still changes them: others find it a little later.
 */
const changing = script(`${owning}
local version = redis.call('HGET', KEYS[1], '${versionField}') or '${noVersion}'
if version ~= ARGV[2] or (ARGV[1] ~= '' and owner ~= ARGV[1]) then return { version, owner or '' } end
local changes = cjson.decode(ARGV[4])
for _, field in ipairs(changes.drop) do redis.call('HDEL', KEYS[1], field) end
for place = 1, #changes.put, 2 do
  redis.call('HSET', KEYS[1], changes.put[place], changes.put[place + 1])
end
redis.call('HSET', KEYS[1], '${versionField}', ARGV[3])
if version == '${noVersion}' then redis.call('HSET', KEYS[1], '${bornField}', ARGV[3]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], '${restoredField}', ARGV[6]) end
redis.pcall('PUBLISH', ARGV[5], ARGV[3])
return { ARGV[3], owner or '' }`);

export interface StoredState {
  readonly version: string;
  /** Whose keys these are; empty where nobody said so. */
  readonly owner: string;
}

/** What is kept, as it is kept. */
export interface StoredTexts extends StoredState {
  /** The version they began with. */
  readonly born: string;
  /** The version of lost records that were put back last; empty where none were. */
  readonly restored: string;
  /** By id. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface TextChanges {
  readonly put: Iterable<readonly [id: string, text: string]>;
  readonly drop: readonly string[];
  /** The version of lost records that are put back with it; empty: it is a change like others. */
  readonly restores: string;
}

/** The commands for one pool's records: one hash, a field for each, one for the version and one for the owner. */
export class RecordScripts {
  readonly #commander: Commander;
  readonly #key: string;
  /** Where versions are told. */
  readonly channel: string;

  constructor(commander: Commander, prefix: string, pool: string) {
    this.#commander = commander;
    this.#key = `{${prefix}:${pool}}keys${layoutVersion}`;
    this.channel = `${this.#key}:changes`;
  }

  async version(): Promise<string> {
    const reply = await this.#commander.send(this.#key, ["HGET", this.#key, versionField]);
    return reply === null || reply === undefined ? noVersion : String(reply);
  }

  /** Returns the owner there is then. */
  async claim(owner: string): Promise<string> {
    const reply = await this.#run(claiming, [owner]);
    if (typeof reply !== "string") throw unknownReply();
    return reply;
  }

  /** @throws TypeError for a reply that is none of the script's. */
  async read(ownOwner: string): Promise<StoredTexts> {
    const reply = await this.#run(reading, [ownOwner]);
    if (!Array.isArray(reply)) throw unknownReply();
    const named: Record<string, string> = {};
    const texts = new Map<string, string>();
    for (let place = 0; place + 1 < reply.length; place += 2) {
      const [field, value] = [String(reply[place]), reply[place + 1]];
      // Some clients of other kinds parse what looks like JSON.
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (field.startsWith(idMark)) texts.set(field.slice(idMark.length), text);
      else named[field] = text;
    }
    return {
      version: named[versionField] ?? noVersion,
      owner: named[ownerField] ?? "",
      born: named[bornField] ?? "",
      restored: named[restoredField] ?? "",
      texts,
    };
  }

  /** Returns what there is then: the next version if the records were changed. */
  async change(
    { put, drop, restores }: TextChanges,
    owner: string,
    expectedVersion: string,
    nextVersion: string,
  ): Promise<StoredState> {
    const changes = {
      put: Array.from(put, ([id, text]) => [idMark + id, text]).flat(),
      drop: drop.map((id) => idMark + id),
    };
    const args = [owner, expectedVersion, nextVersion, JSON.stringify(changes), this.channel, restores];
    const reply = await this.#run(changing, args);
    if (!Array.isArray(reply) || typeof reply[0] !== "string") throw unknownReply();
    return { version: reply[0], owner: String(reply[1]) };
  }

  /** Calls it by its name, and sends it along where a server does not know it (yet, or any more). */
  async #run({ sha, text }: NamedScript, args: readonly string[]): Promise<unknown> {
    const rest = ["1", this.#key, ...args];
    try {
      return await this.#commander.send(this.#key, ["EVALSHA", sha, ...rest]);
    } catch (error) {
      if (!String((error as Error | undefined)?.message).includes("NOSCRIPT")) throw error;
      return await this.#commander.send(this.#key, ["EVAL", text, ...rest]);
    }
  }
}

function unknownReply(): TypeError {
  return new TypeError("The server's answer is not what the script answers");
}

function script(text: string): NamedScript {
  return { text, sha: bytesToHex(sha1(utf8ToBytes(text))) };
}
