import { sha1 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Commander } from "../client.ts";

/** Part of the names: versions that understand the records differently do not meet. Raise it when their layout changes. */
const layoutVersion = 1;
const versionField = "version";
/** In front of ids, so that none is taken for the version. */
const idMark = "k:";
/** Names the state before the first change. */
export const noVersion = "none";

interface NamedScript {
  readonly text: string;
  readonly sha: string;
}

/** A hash's fields and values, taken at one moment. */
const reading = script("return redis.call('HGETALL', KEYS[1])");

/**
 * Changes the records if they are at the expected version, and answers with the version there is then. Whoever may not publish
 * still changes them: others find it a little later.
 */
const changing = script(`
local version = redis.call('HGET', KEYS[1], '${versionField}') or '${noVersion}'
if version ~= ARGV[1] then return version end
local changes = cjson.decode(ARGV[3])
for _, field in ipairs(changes.drop) do redis.call('HDEL', KEYS[1], field) end
for place = 1, #changes.put, 2 do
  redis.call('HSET', KEYS[1], changes.put[place], changes.put[place + 1])
end
redis.call('HSET', KEYS[1], '${versionField}', ARGV[2])
redis.pcall('PUBLISH', ARGV[4], ARGV[2])
return ARGV[2]`);

/** What is kept, as it is kept. */
export interface StoredTexts {
  readonly version: string;
  /** By id. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface TextChanges {
  readonly put: Iterable<readonly [id: string, text: string]>;
  readonly drop: readonly string[];
}

/** The commands for one pool's records: one hash, a field for each, and one for the version. */
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

  /** @throws TypeError for a reply that is none of the script's. */
  async read(): Promise<StoredTexts> {
    const reply = await this.#run(reading, []);
    if (!Array.isArray(reply)) throw new TypeError("The server's answer is not what the script answers");
    let version = noVersion;
    const texts = new Map<string, string>();
    for (let place = 0; place + 1 < reply.length; place += 2) {
      const [field, value] = [String(reply[place]), reply[place + 1]];
      // Some clients of other kinds parse what looks like JSON.
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (field === versionField) version = text;
      else if (field.startsWith(idMark)) texts.set(field.slice(idMark.length), text);
    }
    return { version, texts };
  }

  /** Returns the version there is then: the next one if the records were changed. */
  async change({ put, drop }: TextChanges, expectedVersion: string, nextVersion: string): Promise<string> {
    const changes = {
      put: Array.from(put, ([id, text]) => [idMark + id, text]).flat(),
      drop: drop.map((id) => idMark + id),
    };
    const reply = await this.#run(changing, [expectedVersion, nextVersion, JSON.stringify(changes), this.channel]);
    if (typeof reply !== "string") throw new TypeError("The server's answer is not what the script answers");
    return reply;
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

function script(text: string): NamedScript {
  return { text, sha: bytesToHex(sha1(utf8ToBytes(text))) };
}
