import type { Clock } from "../../../types.ts";
import { AdminError } from "../calls/admin-error.ts";
import type { EventLog, LoggedEvent } from "./event-log.ts";

/** Milliseconds between signs of life: proxies cut connections that are silent for longer. */
const heartbeatMs = 15_000;
/** So many messages may wait for a reader; one that is slower is let go, and comes back for the rest. */
const mostUnread = 1000;
const mostReaders = 64;
/** Milliseconds after which a reader that lost its connection comes back. */
const comeBackMs = 3000;

export interface FeedWish {
  /** The last event the reader has seen. */
  readonly lastId: string | undefined;
  readonly details: boolean;
  /** Which events the reader wants. */
  readonly accepts: (event: LoggedEvent) => boolean;
  readonly signal: AbortSignal;
}

/** Events as they happen, as server-sent events. Has a timer only while somebody reads. */
export function createFeed(log: EventLog, clock: Clock, wish: FeedWish): ReadableStream<Uint8Array> {
  if (log.listeners >= mostReaders) {
    throw new AdminError("unavailable", `Expected at most ${mostReaders} readers of events at a time`);
  }
  let end = (): void => {};
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        end = startFeed(controller, log, clock, wish);
      },
      cancel: () => end(),
    },
    new CountQueuingStrategy({ highWaterMark: mostUnread }),
  );
}

function startFeed(
  controller: ReadableStreamDefaultController<Uint8Array>,
  log: EventLog,
  clock: Clock,
  { lastId, details, accepts, signal }: FeedWish,
): () => void {
  const encoder = new TextEncoder();
  let stopListening = (): void => {};
  let cancelTimer = (): void => {};
  const end = (): void => {
    stopListening();
    cancelTimer();
    signal.removeEventListener("abort", close);
  };
  const close = (): void => {
    end();
    try {
      controller.close();
    } catch {
      // Whoever read it has given it up.
    }
  };
  const send = (text: string): void => {
    controller.enqueue(encoder.encode(text));
    if ((controller.desiredSize ?? 0) <= 0) close();
  };
  const beat = (): void => {
    cancelTimer = clock.timer(beat, heartbeatMs, true);
    send(": still here\n\n");
  };
  // What happened before is sent in one piece, so that it never counts as unread.
  const gap = lastId !== undefined && log.hasGap(lastId) ? "event: gap\ndata: {}\n\n" : "";
  const before = lastId === undefined ? [] : log.since(lastId).filter(accepts);
  stopListening = log.listen(
    (event) => {
      if (accepts(event)) send(asMessage(event));
    },
    { details },
  );
  cancelTimer = clock.timer(beat, heartbeatMs, true);
  signal.addEventListener("abort", close, { once: true });
  send(`retry: ${comeBackMs}\n\n${gap}${before.map(asMessage).join("")}`);
  if (signal.aborted) close();
  return end;
}

/** JSON has no line breaks of its own, so one `data` line holds it. */
function asMessage(event: LoggedEvent): string {
  const id = event.id === null ? "" : `id: ${event.id}\n`;
  return `${id}event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`;
}
