import { withFields } from "./response-fields.ts";

/**
 * The same answer with its body passed through, so that its end is seen: once, whether it ends, breaks or is cancelled.
 * Nothing is buffered; cancelling and back-pressure reach the provider.
 */
export function observeEnd(response: Response, ended: (how: "end" | "error" | "cancel") => void): Response {
  const { body } = response;
  if (body === null) {
    ended("end");
    return response;
  }
  const reader = body.getReader();
  const passed = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            ended("end");
            controller.close();
          } else controller.enqueue(value);
        } catch (error) {
          ended("error");
          throw error;
        }
      },
      cancel(reason) {
        ended("cancel");
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const { status, statusText, headers, url, redirected, type } = response;
  return withFields(new Response(passed, { status, statusText, headers }), { url, redirected, type });
}
