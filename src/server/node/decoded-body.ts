import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { BodyControl, UpstreamBody } from "./upstream-body.ts";

/** Whoever is told of a body as it comes. */
export type BytesTaker = Pick<UpstreamBody, "push" | "end" | "fail">;

/** What takes an encoding off, where it is one that is known. */
export function decoderFor(encoding: string | string[] | undefined): Transform | undefined {
  switch (String(encoding).trim().toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      return undefined;
  }
}

/** Hands a body on without its encoding. */
export function decoded(decoder: Transform, body: UpstreamBody): BytesTaker {
  decoder.on("data", (chunk: Uint8Array) => body.push(chunk));
  decoder.on("end", () => body.end());
  decoder.on("error", (error) => body.fail(error));
  return {
    push: (chunk) => void decoder.write(chunk),
    end: () => void decoder.end(),
    fail(error) {
      decoder.destroy();
      body.fail(error);
    },
  };
}

/** Little that comes may be much when it is unpacked: whoever is held back holds the unpacking back as well. */
export function withDecoder(decoder: Transform, control: BodyControl): BodyControl {
  return {
    pause() {
      decoder.pause();
      control.pause();
    },
    resume() {
      decoder.resume();
      control.resume();
    },
    cancel(reason) {
      control.cancel(reason);
      decoder.destroy();
    },
  };
}
