import type { Bucket, ScopeId } from "../store.ts";
import { scriptVersion } from "./scripts/script.ts";

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
  readonly #scopes: string;
  readonly epoch: string;
  readonly instances: string;
  /** Not a key: where changes are told. */
  readonly channel: string;

  constructor(prefix: string, pool: string) {
    this.#tag = `{${prefix}:${pool}}${scriptVersion}`;
    this.#scopes = `${this.#tag}s:`;
    this.epoch = `${this.#tag}epoch`;
    this.instances = `${this.#tag}instances`;
    this.channel = `${this.#tag}changes`;
  }

  bucket({ id, kind }: Bucket): string {
    return `${this.#tag}${letters[kind]}:${id}`;
  }

  scope(id: ScopeId): string {
    return this.#scopes + id;
  }

  /** The number of the last reports an instance sent. */
  reports(instance: string): string {
    return `${this.#tag}reports:${instance}`;
  }

  /** The scope a key is of. A client may have put a prefix of its own before it. */
  scopeOf(key: string): ScopeId | undefined {
    const at = key.indexOf(this.#scopes);
    return at === -1 ? undefined : key.slice(at + this.#scopes.length);
  }
}
