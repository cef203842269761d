import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import type { TestContext } from "vitest";
import type { SendCommand } from "../../src/stores/redis/index.ts";

declare module "vitest" {
  interface TaskMeta {
    skipReason?: string;
  }
}

const reason =
  "redis-server is not installed; Debian and Ubuntu: apt-get install redis-server, macOS: brew install redis";

/** Nothing stands in for a real server: without one a test is left out on a developer's machine, and fails in CI. */
export function requireRedisServer(context: TestContext): void {
  if (spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0) return;
  if (process.env["CI"] !== undefined) throw new Error(reason);
  context.task.meta.skipReason = reason;
  context.skip(reason);
}

export interface Connection {
  readonly send: SendCommand;
  /** All that went to the server. */
  readonly sent: readonly string[];
  end(): void;
}

type Settle = { readonly resolve: (reply: string) => void; readonly reject: (error: Error) => void };

/** Sends commands and hands on what is said to each: as much of a client as a store needs. Connects again when it is asked. */
export function connectionTo(port: number): Connection {
  const sent: string[] = [];
  let socket: ReturnType<typeof connect> | undefined;
  const waiting: Settle[] = [];
  const opened = (): ReturnType<typeof connect> => {
    const made = connect(port, "127.0.0.1");
    let received = Buffer.alloc(0);
    made.on("data", (data) => {
      received = Buffer.concat([received, data]);
      for (;;) {
        const reply = firstReply(received);
        if (reply === undefined) return;
        received = received.subarray(reply.length);
        const { resolve, reject } = waiting.shift() as Settle;
        if (reply.error) reject(new Error(reply.text));
        else resolve(reply.text);
      }
    });
    made.on("error", () => {});
    made.on("close", () => {
      if (socket === made) socket = undefined;
      for (const { reject } of waiting.splice(0)) reject(new Error("The connection is closed"));
    });
    return made;
  };
  return {
    sent,
    send: (args) => {
      const command = `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`;
      sent.push(command);
      socket ??= opened();
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        socket?.write(command);
      });
    },
    end: () => socket?.destroy(),
  };
}

interface Reply {
  readonly text: string;
  readonly error: boolean;
  /** Of all of it, in bytes. */
  readonly length: number;
}

/** Texts, numbers and errors are all that the store's script replies with. */
function firstReply(received: Buffer): Reply | undefined {
  const ends = received.indexOf("\r\n");
  if (ends === -1) return undefined;
  const [kind, line] = [received.toString("utf8", 0, 1), received.toString("utf8", 1, ends)];
  if (kind !== "$") return { text: line, error: kind === "-", length: ends + 2 };
  const length = ends + 2 + Number(line) + 2;
  if (received.length < length) return undefined;
  return { text: received.toString("utf8", ends + 2, length - 2), error: false, length };
}
