import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A network between a client and a server that does what networks do. */
export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Connections whose bytes go nowhere. */
  readonly #silent = new Set<Pair>();
  #cutsReplyAfter: number | undefined;
  #repliesHeldMs = 0;

  /** Use {@link Wire.to}. */
  constructor(port: number) {
    this.#server = createServer((near) => this.#connect(near, connect(port, "127.0.0.1")));
  }

  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on the connections there are carry nothing either way, and nobody is told. New ones work. */
  silence(): void {
    for (const pair of this.#pairs) {
      this.#silent.add(pair);
      pair.near.pause();
      pair.far.pause();
    }
  }

  /** What was held back arrives, as it does when packets are sent again. */
  heal(): void {
    for (const { near, far } of this.#silent) {
      near.resume();
      far.resume();
    }
    this.#silent.clear();
  }

  /** The next reply ends after so many bytes, and so does its connection. */
  cutReplyAfter(bytes: number): void {
    this.#cutsReplyAfter = bytes;
  }

  /** Replies take so much longer than commands, milliseconds. */
  holdReplies(ms: number): void {
    this.#repliesHeldMs = ms;
  }

  async end(): Promise<void> {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  #connect(near: Socket, far: Socket): void {
    const pair = { near, far };
    this.#pairs.add(pair);
    const close = (): void => {
      this.#pairs.delete(pair);
      this.#silent.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on("error", close).on("close", close).setNoDelay();
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => {
      const cut = this.#cutsReplyAfter;
      if (cut !== undefined) {
        this.#cutsReplyAfter = undefined;
        near.write(data.subarray(0, cut), close);
      } else if (this.#repliesHeldMs === 0) near.write(data);
      else setTimeout(() => near.writable && near.write(data), this.#repliesHeldMs);
    });
  }
}
