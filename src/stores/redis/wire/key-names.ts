import type { Bucket } from "../../../limits/store.ts";
import type { ScopeId } from "../../../types.ts";

/**
 * Of the records: which keys there are, and how their values are laid out. Part of every key's name. It is raised only where processes
 * that go by the format before would count wrongly next to this one (`formats.ts` has what they do then): not because the script is
 * another, of which a server keeps as many as it is sent. Whoever raises it names the format before in the older names, and gives its
 * signs of life also in that one's hash, as `<its own format>.<instance>`.
 */
export const recordFormat = 2;
const olderFormat = 1;
/** Stands before ids that are to be found in the records of the format before. */
const olderMark = `format ${olderFormat}|`;

/** @param id as the format before has it */
export function olderId(id: string): string {
  return olderMark + id;
}

/** So many names of each kind are kept: to put one together for every question costs more than to look it up. */
const mostKept = 20_000;

const letters: Readonly<Record<Bucket["kind"], string>> = {
  rolling: "r",
  calendar: "d",
  anchored: "a",
  concurrency: "n",
};

/**
 * Names of a pool's keys. All carry the same hash tag, so that a cluster keeps them on one node. A bucket's name tells its kind:
 * one that was declared anew with another kind begins anew.
 */
export class KeyNames {
  readonly #tag: string;
  readonly #scopes: KeptNames;
  readonly #buckets: Readonly<Record<Bucket["kind"], KeptNames>>;
  readonly epoch: string;
  readonly instances: string;
  /** Those of the format before. */
  readonly olderInstances: string;
  readonly pins: string;
  readonly pinEnds: string;
  /** Not a key: where changes are told. */
  readonly channel: string;

  constructor(prefix: string, pool: string) {
    const pools = `{${prefix}:${pool}}`;
    const older = pools + olderFormat;
    this.#tag = pools + recordFormat;
    this.#scopes = new KeptNames(`${this.#tag}s:`, `${older}s:`);
    const kept = (kind: Bucket["kind"]): KeptNames =>
      new KeptNames(`${this.#tag}${letters[kind]}:`, `${older}${letters[kind]}:`);
    this.#buckets = {
      rolling: kept("rolling"),
      calendar: kept("calendar"),
      anchored: kept("anchored"),
      concurrency: kept("concurrency"),
    };
    this.epoch = `${this.#tag}epoch`;
    this.instances = `${this.#tag}instances`;
    this.olderInstances = `${older}instances`;
    this.pins = `${this.#tag}pins`;
    this.pinEnds = `${this.#tag}pin-ends`;
    this.channel = `${this.#tag}changes`;
  }

  bucket({ id, kind }: Bucket): string {
    return this.#buckets[kind].of(id);
  }

  claim(name: string): string {
    return `${this.#tag}claim:${name}`;
  }

  scope(id: ScopeId): string {
    return this.#scopes.of(id);
  }

  /** The number of the last reports an instance sent. */
  reports(instance: string): string {
    return `${this.#tag}reports:${instance}`;
  }

  /** The scope a key is of. A client may have put a prefix of its own before it. */
  scopeOf(key: string): ScopeId | undefined {
    const { prefix } = this.#scopes;
    const at = key.indexOf(prefix);
    return at === -1 ? undefined : key.slice(at + prefix.length);
  }
}

class KeptNames {
  readonly prefix: string;
  readonly #olderPrefix: string;
  readonly #names = new Map<string, string>();

  constructor(prefix: string, olderPrefix: string) {
    this.prefix = prefix;
    this.#olderPrefix = olderPrefix;
  }

  of(id: string): string {
    let name = this.#names.get(id);
    if (name === undefined) {
      name = id.startsWith(olderMark) ? this.#olderPrefix + id.slice(olderMark.length) : this.prefix + id;
      if (this.#names.size >= mostKept) this.#names.clear();
      this.#names.set(id, name);
    }
    return name;
  }
}
