import { type Answer, pause } from "./answers/answer.ts";
import type { Exchange, ProviderCore } from "./provider-core.ts";

const bodylessStatuses = new Set([101, 204, 205, 304]);

/**
 * Answers a web-standard request. Rejects as `fetch` does when the connection is cut before the headers, and with the
 * signal's reason when the request is aborted before them.
 */
export async function handleRequest(core: ProviderCore, request: Request): Promise<Response> {
  core.openRequests++;
  let isOpen = true;
  let exchange: Exchange | undefined;
  const finish = (): void => {
    if (isOpen) core.openRequests--;
    isOpen = false;
    exchange?.finish();
  };
  try {
    exchange = core.receive({
      method: request.method,
      url: new URL(request.url),
      headers: Object.fromEntries(request.headers),
      body: new Uint8Array(await request.arrayBuffer()),
    });
    return await respond(core, exchange, request.signal, finish);
  } catch (error) {
    finish();
    throw error;
  }
}

async function respond(
  core: ProviderCore,
  { answer, arrival }: Exchange,
  signal: AbortSignal,
  finish: () => void,
): Promise<Response> {
  if (answer.delayMs > 0) await pause(core.clock, answer.delayMs, signal);
  if (signal.aborted) {
    arrival.aborted = true;
    throw signal.reason;
  }
  if (answer.cut === "before-headers") throw new TypeError("fetch failed");
  arrival.status = answer.status;
  const init = { status: answer.status, headers: answer.headers };
  if (!answer.isStream && answer.cut === undefined) {
    finish();
    return new Response(bodylessStatuses.has(answer.status) ? null : answer.pieces.join(""), init);
  }
  const markAborted = (): void => {
    arrival.aborted = true;
  };
  return new Response(streamOf(core, answer, { signal, finish, markAborted }), init);
}

interface StreamEnds {
  readonly signal: AbortSignal;
  readonly finish: () => void;
  readonly markAborted: () => void;
}

function streamOf(core: ProviderCore, answer: Answer, ends: StreamEnds): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const cancelled = new AbortController();
  let sent = 0;
  const onAbort = (): void => cancelled.abort(ends.signal.reason);
  const leave = (): void => {
    ends.signal.removeEventListener("abort", onAbort);
    ends.finish();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      cancelled.signal.addEventListener("abort", () => {
        ends.markAborted();
        leave();
        // Does nothing on a stream that was cancelled; one whose request was aborted must fail.
        controller.error(cancelled.signal.reason);
      });
      if (ends.signal.aborted) onAbort();
      else ends.signal.addEventListener("abort", onAbort);
    },
    async pull(controller) {
      if (sent > 0 && answer.chunkDelayMs > 0) await pause(core.clock, answer.chunkDelayMs, cancelled.signal);
      if (cancelled.signal.aborted) return;
      const piece = answer.pieces[sent];
      if (piece !== undefined) {
        sent++;
        controller.enqueue(encoder.encode(piece));
      }
      // A complete answer ends with its last piece; a cut shows when the client asks for more.
      if (sent < answer.pieces.length || (piece !== undefined && answer.cut !== undefined)) return;
      leave();
      if (answer.cut === undefined) controller.close();
      else controller.error(new TypeError("terminated"));
    },
    cancel(reason) {
      cancelled.abort(reason);
    },
  });
}
