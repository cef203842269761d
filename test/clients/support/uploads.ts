import { randomBytes } from "node:crypto";

/** Larger than what fits into one chunk, and different in every run. */
export function newFile(): File {
  return new File([new Uint8Array(randomBytes(100_000))], "notes.txt", { type: "text/plain" });
}

/** The same as a stream, as from a disk. */
export function newStream(): ReadableStream<Uint8Array> {
  return newFile().stream() as ReadableStream<Uint8Array>;
}
