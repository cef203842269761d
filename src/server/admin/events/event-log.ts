import type { OperatedRotator } from "../../../operate/operated-rotator.ts";
import type { RotatorEvents } from "../../../pool/events.ts";
import type { Clock } from "../../../types.ts";
import { keptEvents, liveEvents, plainPayload } from "./event-kinds.ts";

/** Something that happened, as this API tells it. */
export interface LoggedEvent {
  /** Names it: the log's own beginning and a number. `null` for an event that is not kept. */
  readonly id: string | null;
  readonly channel: string | number;
  readonly event: keyof RotatorEvents;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly payload: unknown;
}

/** A pool that tells. */
export interface EventSource {
  readonly idForClients: string | number;
  readonly rotator: Pick<OperatedRotator, "on" | "off">;
}

export type EventListener = (event: LoggedEvent) => void;

/** The last events of all channels, and those who listen. */
export class EventLog {
  readonly #clock: Clock;
  readonly #size: number;
  readonly #channels: Iterable<EventSource>;
  /** Ids of another log, one before a restart, begin with something else. */
  readonly #beginning: string;
  readonly #kept: LoggedEvent[] = [];
  #last = 0;
  readonly #listeners = new Set<EventListener>();
  readonly #detailed = new Set<EventListener>();
  #stopDetails: (() => void) | undefined;

  constructor({ channels, clock, size }: { channels: Iterable<EventSource>; clock: Clock; size: number }) {
    this.#channels = channels;
    this.#clock = clock;
    this.#size = size;
    this.#beginning = clock.wall().toString(36);
    this.#listenTo(keptEvents, (event) => this.#keep(event));
  }

  get listeners(): number {
    return this.#listeners.size + this.#detailed.size;
  }

  /** Kept events in order; after the one with this id, as far as it is known. */
  since(id: string | undefined): readonly LoggedEvent[] {
    const number = this.#numberOf(id);
    return number === undefined
      ? [...this.#kept]
      : this.#kept.filter((event) => (this.#numberOf(event.id ?? undefined) ?? 0) > number);
  }

  /** Were events forgotten that came after this one? */
  hasGap(id: string): boolean {
    const number = this.#numberOf(id);
    return number === undefined || number < this.#last - this.#kept.length;
  }

  /** Tells what happens from now on; with `details` also what happens in every request. Returns how to stop it. */
  listen(listener: EventListener, { details }: { readonly details: boolean }): () => void {
    const group = details ? this.#detailed : this.#listeners;
    group.add(listener);
    if (details) this.#stopDetails ??= this.#listenTo(liveEvents, (event) => this.#tell(this.#detailed, event));
    return () => {
      group.delete(listener);
      if (this.#detailed.size > 0) return;
      this.#stopDetails?.();
      this.#stopDetails = undefined;
    };
  }

  #listenTo(names: readonly (keyof RotatorEvents)[], take: EventListener): () => void {
    const stops = [...this.#channels].flatMap(({ rotator, idForClients }: EventSource) =>
      names.map((event) => {
        const hear = (payload: unknown): void => {
          const at = this.#clock.wall();
          take({ id: null, channel: idForClients, event, at, payload: plainPayload(payload) });
        };
        rotator.on(event, hear);
        return () => void rotator.off(event, hear);
      }),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }

  #keep(heard: LoggedEvent): void {
    const event = { ...heard, id: `${this.#beginning}-${++this.#last}` };
    this.#kept.push(event);
    if (this.#kept.length > this.#size) this.#kept.shift();
    this.#tell(this.#listeners, event);
    this.#tell(this.#detailed, event);
  }

  #tell(listeners: ReadonlySet<EventListener>, event: LoggedEvent): void {
    for (const listener of [...listeners]) listener(event);
  }

  #numberOf(id: string | undefined): number | undefined {
    const beginning = `${this.#beginning}-`;
    const number = id?.startsWith(beginning) === true ? id.slice(beginning.length) : "";
    return /^\d{1,15}$/.test(number) ? Number(number) : undefined;
  }
}
