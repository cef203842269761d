import type { PackedTrouble, UnpackedBody } from "./prepared-body.ts";
import { joined } from "./replayable-body.ts";

// A body may be packed by what its `content-encoding` names, several in a row: the last one named was applied last. Little that
// comes may be much when it is unpacked, so no step of it ever holds more than it was allowed, a bomb's neither.

/** How much is unpacked to be looked into, bytes: what a request is about stands near its beginning, and a whole one is mostly less. */
export const mostUnpacked = 1_048_576;

/** How much is unpacked to be written anew, bytes: as much as is kept of any body. */
export const mostRewritten = 10_485_760;

/** More names are no encoding, but an attempt to keep somebody busy. */
const mostEncodings = 4;

/** The encodings a header names, outermost first; `undefined`: there is none to be taken off. */
export function encodingsIn(header: string | null | undefined): readonly string[] | undefined {
  if (header === null || header === undefined) return undefined;
  const names = header
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  return names.length === 0 ? undefined : names.reverse();
}

/** Takes these encodings off, up to so many bytes. Never rejects. */
export async function unpacked(
  packed: Uint8Array<ArrayBuffer>,
  encodings: readonly string[],
  mostBytes: number,
): Promise<UnpackedBody> {
  if (encodings.length > mostEncodings) return { bytes: packed, trouble: "encoding" };
  let bytes = packed;
  let trouble: PackedTrouble | undefined;
  for (const encoding of encodings) {
    const step = await unpackedOnce(bytes, encoding, mostBytes);
    // A step that got only a part breaks off where that ends.
    trouble ??= step.trouble;
    bytes = step.bytes;
    if (bytes.length === 0) break;
  }
  // A header that says so, and a body that never was: it is read as it is.
  if (bytes.length === 0 && trouble === "broken" && isJsonText(packed)) return { bytes: packed, trouble: undefined };
  return { bytes, trouble };
}

/** What the platform has for it: its own streams know few encodings, and which ones differs. */
function unpackedOnce(packed: Uint8Array<ArrayBuffer>, encoding: string, mostBytes: number): Promise<UnpackedBody> {
  const decoder = decoderFor(encoding, packed);
  if (decoder !== undefined) return throughDecoder(decoder, packed, mostBytes);
  return throughStream(formatOf(encoding, packed), packed, mostBytes);
}

/** What is used of a stream of Node's. */
interface Decoder {
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
  on(event: "end" | "error", listener: () => void): void;
  end(bytes: Uint8Array): void;
  destroy(): void;
}

/** One of Node's, where it can be had without an import. */
function decoderFor(encoding: string, packed: Uint8Array): Decoder | undefined {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib === undefined) return undefined;
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return zlib.createGunzip();
    case "deflate":
      return hasZlibHeader(packed) ? zlib.createInflate() : zlib.createInflateRaw();
    case "br":
      return zlib.createBrotliDecompress();
    case "zstd":
      // Not in every version.
      return (zlib as { createZstdDecompress?: () => Decoder }).createZstdDecompress?.();
    default:
      return undefined;
  }
}

function throughDecoder(decoder: Decoder, packed: Uint8Array, mostBytes: number): Promise<UnpackedBody> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const end = (trouble: PackedTrouble | undefined): void => {
      decoder.destroy();
      resolve(outcome(chunks, size, mostBytes, trouble));
    };
    decoder.on("data", (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostBytes) end("too-large");
    });
    decoder.on("end", () => end(undefined));
    decoder.on("error", () => end("broken"));
    decoder.end(packed);
  });
}

/** As the platform's own streams call it. */
function formatOf(encoding: string, packed: Uint8Array): string {
  if (encoding === "x-gzip") return "gzip";
  if (encoding === "br") return "brotli";
  return encoding === "deflate" && !hasZlibHeader(packed) ? "deflate-raw" : encoding;
}

/** What one slice may grow to is held at once by some platforms, so slices are small; bytes. */
const sliceBytes = 1024;

async function throughStream(
  format: string,
  packed: Uint8Array<ArrayBuffer>,
  mostBytes: number,
): Promise<UnpackedBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let decoder: DecompressionStream;
  try {
    decoder = new DecompressionStream(format as CompressionFormat);
  } catch {
    // One that it does not know, or there are none at all.
    return { bytes: joined(chunks, size), trouble: "encoding" };
  }
  const reader = slicesOf(packed).pipeThrough(decoder).getReader();
  let trouble: PackedTrouble | undefined;
  try {
    while (size <= mostBytes) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
    }
    if (size > mostBytes) trouble = "too-large";
  } catch {
    trouble = "broken";
  }
  reader.cancel().catch(() => {});
  return outcome(chunks, size, mostBytes, trouble);
}

function slicesOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.slice(at, at + sliceBytes));
        else controller.close();
        at += sliceBytes;
      },
    },
    { highWaterMark: 0 },
  );
}

function outcome(
  chunks: readonly Uint8Array[],
  size: number,
  mostBytes: number,
  trouble: PackedTrouble | undefined,
): UnpackedBody {
  const bytes = joined(chunks, size);
  return { bytes: size > mostBytes ? bytes.slice(0, mostBytes) : bytes, trouble };
}

/** Some send `deflate` without the header that belongs to it: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2 */
function hasZlibHeader([first = 0, second = 0]: Uint8Array): boolean {
  return (first & 15) === 8 && (first * 256 + second) % 31 === 0;
}

function isJsonText(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length && (bytes[at] as number) <= 32) at++;
  return bytes[at] === 0x7b || bytes[at] === 0x5b;
}
