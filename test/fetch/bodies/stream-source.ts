/** A stream of events that are sent when the test says so. */
export interface StreamSource {
  readonly response: Response;
  /** One event; an object is its JSON, a string is sent as it is. */
  send(event: object | string): void;
  end(): void;
  fail(error?: Error): void;
  /** Reasons the body was cancelled with. */
  readonly cancelled: unknown[];
}

export function streamSource(): StreamSource {
  const encoder = new TextEncoder();
  const cancelled: unknown[] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
    },
    cancel(reason) {
      cancelled.push(reason);
    },
  });
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    send: (event) =>
      controller?.enqueue(encoder.encode(typeof event === "string" ? event : `data: ${JSON.stringify(event)}\n\n`)),
    end: () => controller?.close(),
    fail: (error = new Error("cut")) => controller?.error(error),
    cancelled,
  };
}

export const role = { choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] };
export const word = { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: null }] };
export const done = "data: [DONE]\n\n";
