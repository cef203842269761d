const encoder = new TextEncoder();
const removed = encoder.encode("[secret]");

/** Takes secrets out of bytes that pass in pieces: providers echo keys in their errors. */
export class SecretScrubber {
  readonly #needles: readonly Uint8Array[];
  readonly #longest: number;
  /** What may be the beginning of a secret that goes on in the next piece. */
  #carried: Uint8Array = new Uint8Array(0);

  constructor(secrets: Iterable<string>) {
    const texts = new Set<string>();
    for (const secret of secrets) {
      if (secret === "") continue;
      texts.add(secret);
      texts.add(encodeURIComponent(secret));
    }
    this.#needles = [...texts].map((text) => encoder.encode(text));
    this.#longest = Math.max(0, ...this.#needles.map(({ length }) => length));
  }

  push(chunk: Uint8Array): Uint8Array {
    const clean = this.#without(together(this.#carried, chunk));
    const held = Math.min(clean.length, Math.max(0, this.#longest - 1));
    this.#carried = clean.slice(clean.length - held);
    return clean.subarray(0, clean.length - held);
  }

  /** The last piece. */
  end(): Uint8Array {
    const rest = this.#carried;
    this.#carried = new Uint8Array(0);
    return rest;
  }

  #without(bytes: Uint8Array): Uint8Array {
    let clean = bytes;
    for (const needle of this.#needles) {
      for (let at = indexOf(clean, needle, 0); at !== -1; at = indexOf(clean, needle, at + removed.length)) {
        const after = clean.subarray(at + needle.length);
        clean = together(together(clean.subarray(0, at), removed), after);
      }
    }
    return clean;
  }
}

function indexOf(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  const first = needle[0] as number;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (at + needle.length > bytes.length) return -1;
    let place = 1;
    while (place < needle.length && bytes[at + place] === needle[place]) place++;
    if (place === needle.length) return at;
  }
  return -1;
}

function together(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
