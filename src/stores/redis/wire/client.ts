import { InvalidOptionsError } from "../../../errors.ts";
import { isA } from "../../../realms.ts";

/** Sends one command, its name first, and resolves with the reply. What a REST client offers can be put into this shape. */
export type SendCommand = (args: string[]) => Promise<unknown>;

/** An ioredis client: single, Sentinel or Cluster. */
export interface IoredisLike {
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate?: unknown;
}

/** A node-redis client: single, pool, Sentinel or Cluster. */
export interface NodeRedisLike {
  sendCommand(...args: never[]): Promise<unknown>;
  duplicate?: unknown;
}

/** Any of the ordinary clients, connected or connecting, or a function that sends one command. */
export type RedisClient = SendCommand | IoredisLike | NodeRedisLike;

/** One channel listened to, on a connection of its own. */
export interface Subscription {
  /** Rejects where listening is not allowed. Without a server it waits for one. */
  readonly opened: Promise<unknown>;
  /** Ends the connection, also one that never came about. */
  readonly stop: () => void;
}

/** The one way this store talks to a server, whatever the client. */
export interface Commander {
  /** `key` tells a cluster's client to which node. */
  send(key: string, args: string[]): Promise<unknown>;
  /** Listens to a channel on a connection of its own; absent where the client has no such thing. */
  readonly subscribe?: ((channel: string, heard: (message: string) => void) => Subscription) | undefined;
  /** What the client says of its connection, while that does not work; absent where it says nothing. */
  readonly status?: (() => string | undefined) | undefined;
}

type Call = (...args: unknown[]) => Promise<unknown>;
type Methods = Readonly<Record<string, Call>>;

/** Which client it is, by what it can do: none of them is a dependency. @throws InvalidOptionsError for anything else. */
export function commanderOf(client: RedisClient): Commander {
  if (isClass(client)) {
    throw new InvalidOptionsError("client", "Expected `client` to be a client, got a class; make a client of it");
  }
  // Whatever it returns, or throws.
  if (typeof client === "function") return { send: async (_key, args) => client(args) };
  const methods = client as unknown as Methods;
  if (has(client, "call")) return ofIoredis(methods);
  if (has(client, "sendCommand")) return ofNodeRedis(methods);
  const expected = "an ioredis or node-redis client, or a function that sends a command";
  throw new InvalidOptionsError("client", `Expected \`client\` to be ${expected}, got ${whatCame(client)}`);
}

/** No function that sends commands either: it cannot be called. */
function isClass(value: unknown): boolean {
  return typeof value === "function" && Function.prototype.toString.call(value).startsWith("class");
}

/** What it is instead, and what to do. The value is not told: an address may have a password in it. */
function whatCame(client: unknown): string {
  if (has(client, "then")) return "a promise; await it";
  if (typeof client === "string" || isA(client, "URL")) return "an address; make a client of it";
  return client === null ? "null" : typeof client;
}

function has(client: unknown, method: string): boolean {
  return typeof (client as Record<string, unknown> | null | undefined)?.[method] === "function";
}

function ofIoredis(client: Methods): Commander {
  const send = (_key: string, args: string[]): Promise<unknown> => (client["call"] as Call).apply(client, args);
  const status = (): string | undefined => ioredisStatus(client["status"]);
  if (!has(client, "duplicate")) return { send, status };
  return {
    send,
    status,
    subscribe: (channel, heard) => {
      const listener = listenerOf(client);
      listener.on("error", ignore);
      listener.on("message", (from, message) => {
        if (from === channel) heard(String(message));
      });
      const opened = Promise.resolve(listener["subscribe"]?.(channel));
      // A new connection begins without it. The client would do that by itself, and end the process where it may not.
      listener.on("ready", () => void listener["subscribe"]?.(channel).catch(ignore));
      return { opened, stop: () => void listener["disconnect"]?.() };
    },
  };
}

function ioredisStatus(status: unknown): string | undefined {
  return typeof status === "string" && status !== "ready" ? status : undefined;
}

/** However the client is set, this one waits for its server as long as it takes. */
function listenerOf(client: Methods): Methods & Emitter {
  const isCluster = (client["isCluster"] as unknown) === true;
  const waits = { enableOfflineQueue: true };
  const made = isCluster
    ? client["duplicate"]?.([], waits)
    : client["duplicate"]?.({ ...waits, maxRetriesPerRequest: null, autoResubscribe: false });
  return made as unknown as Methods & Emitter;
}

interface Emitter {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

function ofNodeRedis(client: Methods): Commander {
  const sendCommand = client["sendCommand"] as Call;
  // A Cluster's client is told the key, a Sentinel's that it is no mere reading.
  const send: Commander["send"] =
    "slots" in client
      ? (key, args) => sendCommand.call(client, key, false, args)
      : has(client, "getSentinelNode")
        ? (_key, args) => sendCommand.call(client, false, args)
        : (_key, args) => sendCommand.call(client, args);
  const status = (): string | undefined => nodeRedisStatus(client["isOpen"], client["isReady"]);
  if (!has(client, "duplicate") || !has(client, "subscribe")) return { send, status };
  return {
    send,
    status,
    subscribe: (channel, heard) => {
      const listener = client["duplicate"]?.() as unknown as Methods & Emitter;
      listener.on("error", ignore);
      let isStopped = false;
      const open = async (): Promise<void> => {
        await listener["connect"]?.();
        if (!isStopped) await listener["subscribe"]?.(channel, (message: unknown) => heard(String(message)));
      };
      const stop = (): void => {
        isStopped = true;
        const end = listener["destroy"] ?? listener["disconnect"];
        try {
          end?.call(listener)?.catch?.(ignore);
        } catch {
          // It was closed already.
        }
      };
      const opened = open();
      // One that is stopped meanwhile comes about nevertheless.
      opened.then(() => {
        if (isStopped) stop();
      }, ignore);
      return { opened, stop };
    },
  };
}

function nodeRedisStatus(isOpen: unknown, isReady: unknown): string | undefined {
  if (isOpen === false) return "not connected";
  return isReady === false ? "connecting" : undefined;
}

/** A client without a listener for errors would end the process. What failed shows where it is used. */
function ignore(): void {}
