/** The parts a stream gave, put together. */
export async function joinedText<Part>(stream: AsyncIterable<Part>, textOf: (part: Part) => string | null | undefined) {
  let joined = "";
  for await (const part of stream) joined += textOf(part) ?? "";
  return joined;
}

/** Seconds from a header's text. */
export function secondsOf(value: string | null | undefined): number {
  return value === null || value === undefined ? Number.NaN : Number(value);
}

/** The text of a body. */
export function decodedText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  return joinedText(body, (chunk) => decoder.decode(chunk, { stream: true }));
}
