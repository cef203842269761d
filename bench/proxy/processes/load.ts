import { connect, type Socket } from "node:net";
import { quantile } from "../../statistics.ts";
import { type Ask, requestText, type Target } from "../exchange.ts";
import { MessageReader } from "../wire.ts";

/** What is to be sent. */
export interface Order {
  readonly target: Target;
  readonly ask: Ask;
  readonly connections: number;
  /** Milliseconds nothing is counted. */
  readonly warmUpMs: number;
  /** Milliseconds that count. */
  readonly forMs: number;
}

/** What came back. */
export interface Measured {
  /** Answers that came, those of the warm-up included. */
  readonly answers: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were none, and connections that broke. */
  readonly failures: number;
}

/** Sends the next request when the answer to the last one is here, over connections that are kept. */
class Load {
  readonly #request: Buffer;
  readonly #order: Order;
  readonly #sockets = new Set<Socket>();
  #took: number[] = [];
  #failures = 0;
  #isOver = false;

  constructor(order: Order) {
    this.#order = order;
    this.#request = Buffer.from(requestText(order.target, order.ask), "latin1");
  }

  async run(): Promise<Measured> {
    const { connections, warmUpMs, forMs } = this.#order;
    for (let count = 0; count < connections; count++) this.#open();
    await later(warmUpMs);
    const before = this.#took.length;
    this.#took = [];
    this.#failures = 0;
    const startedAt = performance.now();
    await later(forMs);
    const seconds = (performance.now() - startedAt) / 1000;
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    const sorted = Float64Array.from(this.#took).sort();
    const at = (share: number): number => (sorted.length === 0 ? Number.NaN : quantile(sorted, share));
    const answers = before + sorted.length;
    return { answers, perSecond: sorted.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures: this.#failures };
  }

  #open(): void {
    let sentAt = 0;
    const socket = connect({ port: this.#order.target.port, host: "127.0.0.1", noDelay: true });
    this.#sockets.add(socket);
    const reader = new MessageReader((answer) => {
      if (answer.toString("latin1", 9, 12) === "200") this.#took.push(performance.now() - sentAt);
      else this.#failures++;
      sentAt = performance.now();
      socket.write(this.#request);
    });
    socket.on("connect", () => {
      sentAt = performance.now();
      socket.write(this.#request);
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#isOver) return;
      this.#failures++;
      // Not at once: a proxy that refuses all of them would keep this busy.
      setTimeout(() => this.#isOver || this.#open(), 20);
    });
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on("message", (order: Order) => {
  void new Load(order).run().then((measured) => process.send?.(measured));
});
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
