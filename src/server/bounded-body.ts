import { joined } from "../fetch/bodies/replayable-body.ts";
import type { Clock } from "../types.ts";

export interface BodyBounds {
  readonly maxBytes: number;
  /** Milliseconds until its last byte must have come. */
  readonly maxMs: number;
  readonly clock: Clock;
}

/** Why a body was not read to its end. */
export type BodyProblem = "too_large" | "too_slow" | "broken";

/** Reads a body into memory, up to a size and for a time; what comes after that is not waited for. */
export async function readBounded(
  request: Request,
  { maxBytes, maxMs, clock }: BodyBounds,
): Promise<Uint8Array | BodyProblem> {
  const { body } = request;
  if (body === null) return new Uint8Array(0);
  // What is stated need not be read; a statement that is too low is found out below.
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return giveUp(body, "too_large");
  const reader = body.getReader();
  let cancelTimer = (): void => {};
  const late = new Promise<"too_slow">((resolve) => {
    cancelTimer = clock.timer(() => resolve("too_slow"), maxMs, true);
  });
  try {
    const read = await Promise.race([readAll(reader, maxBytes), late]);
    if (typeof read === "string") reader.cancel().catch(() => {});
    return read;
  } finally {
    cancelTimer();
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | BodyProblem> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      length += part.value.byteLength;
      if (length > maxBytes) return "too_large";
      chunks.push(part.value);
    }
  } catch {
    return "broken";
  }
  return joined(chunks, length);
}

function giveUp(body: ReadableStream<Uint8Array>, problem: BodyProblem): BodyProblem {
  body.cancel().catch(() => {});
  return problem;
}
