import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What is said to one call of the script; nothing: no reply. */
type Says = (socket: Socket) => void;

/** Something that listens where a Redis server should, and is none. Greets clients as one would. */
export class FakeServer {
  readonly #sockets = new Set<Socket>();
  readonly #server;

  constructor(says: Says) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        for (const command of data.toString().split(/(?=\*\d+\r\n\$)/)) {
          if (/EVAL/i.test(command)) says(socket);
          else if (/INFO\r\n$/i.test(command)) socket.write("$9\r\nloading:0\r\n");
          else socket.write("+OK\r\n");
        }
      });
    });
  }

  static async start(says: Says): Promise<FakeServer> {
    const started = new FakeServer(says);
    started.#server.listen(0, "127.0.0.1");
    await once(started.#server, "listening");
    return started;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A reply as text. */
export function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
