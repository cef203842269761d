/** Something that happens at a time. */
export interface TimedEvent {
  at: number;
  /** Of two at the same time, the one that was planned first comes first. */
  readonly order: number;
  cancelled: boolean;
  readonly run: () => void;
}

/** What is planned, soonest first. */
export class EventHeap {
  readonly #events: TimedEvent[] = [];
  #planned = 0;
  /** Events that have neither happened nor been cancelled. */
  size = 0;

  plan(at: number, run: () => void): TimedEvent {
    const event: TimedEvent = { at, order: this.#planned++, cancelled: false, run };
    this.size++;
    this.#events.push(event);
    this.#rise(this.#events.length - 1);
    return event;
  }

  cancel(event: TimedEvent): void {
    if (event.cancelled) return;
    event.cancelled = true;
    this.size--;
  }

  first(): TimedEvent | undefined {
    while (this.#events[0]?.cancelled === true) this.#removeFirst();
    return this.#events[0];
  }

  /** Takes the first one out; it counts as cancelled from then on. */
  take(): TimedEvent | undefined {
    const first = this.first();
    if (first === undefined) return undefined;
    this.#removeFirst();
    this.cancel(first);
    return first;
  }

  #removeFirst(): void {
    const last = this.#events.pop() as TimedEvent;
    if (this.#events.length === 0) return;
    this.#events[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    const event = this.#events[from] as TimedEvent;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#events[parent] as TimedEvent;
      if (!isBefore(event, above)) break;
      this.#events[place] = above;
      place = parent;
    }
    this.#events[place] = event;
  }

  #sink(): void {
    const event = this.#events[0] as TimedEvent;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#events.length) break;
      const right = this.#events[child + 1];
      if (right !== undefined && isBefore(right, this.#events[child] as TimedEvent)) child++;
      const below = this.#events[child] as TimedEvent;
      if (!isBefore(below, event)) break;
      this.#events[place] = below;
      place = child;
    }
    this.#events[place] = event;
  }
}

function isBefore(one: TimedEvent, other: TimedEvent): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
