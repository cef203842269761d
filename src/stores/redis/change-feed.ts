import type { ScopeState, StoreChange, Unsubscribe } from "../../limits/store.ts";
import type { Sharing } from "./sharing.ts";
import { scopeState } from "./wire/answer.ts";
import type { Commander, Subscription } from "./wire/client.ts";
import type { KeyNames } from "./wire/key-names.ts";

type Message = [
  kind: "c" | "f",
  key?: string,
  now?: number,
  until?: number,
  startedAt?: number,
  strikes?: number,
  source?: number,
  reason?: string,
];

/** What others changed, as the server tells it on a connection of its own, which is opened when somebody listens. */
export class ChangeFeed {
  readonly #subscribe: NonNullable<Commander["subscribe"]>;
  readonly #names: KeyNames;
  readonly #cooled: (state: ScopeState) => void;
  readonly #listeners = new Set<(change: StoreChange) => void>();
  readonly #sharing: Pick<Sharing, "listening" | "unsubscribed">;
  #connection: Subscription | undefined;

  constructor(
    subscribe: NonNullable<Commander["subscribe"]>,
    names: KeyNames,
    cooled: (state: ScopeState) => void,
    sharing: Pick<Sharing, "listening" | "unsubscribed">,
  ) {
    this.#cooled = cooled;
    this.#subscribe = subscribe;
    this.#names = names;
    this.#sharing = sharing;
  }

  listen(listener: (change: StoreChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    this.#open();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /** Resolves when changes are heard of, or cannot be. */
  async opened(): Promise<void> {
    await this.#connection?.opened.catch(() => {});
  }

  /** Tries again where listening failed: what was wrong may be mended. */
  reopen(): void {
    if (this.#listeners.size > 0) this.#open();
  }

  close(): void {
    if (this.#connection === undefined) return;
    this.#connection.stop();
    this.#connection = undefined;
    this.#sharing.listening(false);
  }

  #open(): void {
    if (this.#connection !== undefined) return;
    const connection = this.#subscribe(this.#names.channel, (message) => this.#heard(message));
    this.#connection = connection;
    // Without it, changes are learnt with the next question.
    connection.opened.then(
      () => {
        if (this.#connection === connection) this.#sharing.listening(true);
      },
      (error: unknown) => {
        connection.stop();
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#sharing.unsubscribed(error);
      },
    );
  }

  #heard(message: string): void {
    const change = changeIn(message, this.#names);
    if (change === undefined) return;
    if (change.type === "cooled") this.#cooled(change.state);
    for (const listener of this.#listeners) listener(change);
  }
}

function changeIn(message: string, names: KeyNames): StoreChange | undefined {
  let parsed: Message;
  try {
    parsed = JSON.parse(message) as Message;
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const [kind, key, now, until, startedAt, strikes, source, reason] = parsed;
  const scope = typeof key === "string" ? names.scopeOf(key) : undefined;
  if (kind === "f") return { type: "freed", scope: scope ?? null };
  if (kind !== "c" || scope === undefined) return undefined;
  const fields = [until, startedAt, strikes, source, reason] as [number, number, number, number, string];
  const state: ScopeState = scopeState(scope, now as number, fields);
  return { type: "cooled", state };
}
