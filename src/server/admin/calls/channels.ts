import { AdminError, badField } from "./admin-error.ts";
import type { ResolvedAdminOptions } from "./admin-options.ts";
import { Channel } from "./channel.ts";

/** The channels of an API, by id. */
export class Channels implements Iterable<Channel> {
  readonly #channels: ReadonlyMap<string, Channel>;

  constructor({ rotators, channelNames }: Pick<ResolvedAdminOptions, "rotators" | "channelNames">) {
    this.#channels = new Map(
      [...rotators].map(([id, rotator]) => [id, new Channel(id, channelNames.get(id) ?? id, rotator)]),
    );
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.#channels.values();
  }

  /** The channel of an id as bodies and paths have it; the only one, where none is named. */
  named(id: unknown, field: string): Channel {
    if (id === undefined && this.#channels.size === 1) return this.#channels.values().next().value as Channel;
    if (typeof id !== "string" && typeof id !== "number") throw badField(field, "the id of a channel");
    const found = this.#channels.get(String(id));
    if (found === undefined) throw new AdminError("not_found", "There is no channel of this id", { field });
    return found;
  }

  /** The one that is named, or all of them. */
  namedOrAll(id: string | undefined, field: string): readonly Channel[] {
    return id === undefined ? [...this.#channels.values()] : [this.named(id, field)];
  }
}
