const headEnd = Buffer.from("\r\n\r\n");
const chunkedEnd = Buffer.from("0\r\n\r\n");
const nothing = Buffer.alloc(0);

/**
 * Cuts what comes over one connection into messages, knowing just as much of HTTP as the messages here need: a server or a
 * client of its own would take more time of the two processors than some of the proxies between them.
 */
export class MessageReader {
  readonly #onMessage: (message: Buffer) => void;
  #pending: Buffer = nothing;
  /** Bytes of the message at the front; 0: not known yet. */
  #length = 0;
  #isChunked = false;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (this.#length === 0 && !this.#isChunked && !this.#readHead()) return;
      if (this.#isChunked) {
        // One exchange at a time: nothing follows the end.
        if (!this.#pending.subarray(-chunkedEnd.length).equals(chunkedEnd)) return;
        this.#length = this.#pending.length;
      }
      if (this.#pending.length < this.#length) return;
      const message = this.#pending.subarray(0, this.#length);
      this.#pending = this.#pending.length === this.#length ? nothing : this.#pending.subarray(this.#length);
      this.#length = 0;
      this.#isChunked = false;
      this.#onMessage(message);
      if (this.#pending.length === 0) return;
    }
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf(headEnd);
    if (end === -1) return false;
    const head = this.#pending.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.#isChunked = length === null && /\r\ntransfer-encoding: *chunked/i.test(head);
    this.#length = end + headEnd.length + Number(length?.[1] ?? 0);
    return true;
  }
}
