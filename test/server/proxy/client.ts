import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from "node:http";
import { connect } from "node:net";
import { onTestFinished } from "vitest";

export interface Asking {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: Uint8Array | string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body of an answer in JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for.
  json(): any;
}

/** Begins a request whose body is still to be written; the connection is its own. Node sends paths as they are written. */
export function open(url: string, { method = "GET", headers = {} }: Asking = {}): ClientRequest {
  const [, origin = "", path = ""] = /^(https?:\/\/[^/]+)(.*)$/.exec(url) ?? [];
  const { hostname, port } = new URL(origin);
  const sending = request({
    hostname,
    port,
    path: path || "/",
    method,
    headers: { ...headers } as OutgoingHttpHeaders,
    agent: false,
  });
  // Whoever waits for the answer is told of it there.
  sending.on("error", () => undefined);
  onTestFinished(() => void sending.destroy());
  return sending;
}

/** Begins a request and ends its sending. */
export function begin(url: string, asking: Asking = {}): ClientRequest {
  return open(url, asking).end(asking.body);
}

/** Resolves at the headers of an answer. */
export function answering(sending: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => sending.once("response", resolve).once("error", reject));
}

export async function whole(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const { statusCode = 0, headers } = message;
  return { status: statusCode, headers, body, json: () => JSON.parse(body.toString()) };
}

/** Asks and waits for the whole answer. */
export async function ask(url: string, asking?: Asking): Promise<Answer> {
  return whole(await answering(begin(url, asking)));
}

/** The next piece of an answer. */
export async function nextPiece(message: IncomingMessage): Promise<string> {
  for (;;) {
    const chunk: unknown = message.read();
    if (chunk !== null) return String(chunk);
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        for (const name of ["readable", "end", "error", "close"]) message.off(name, settle);
        if (message.readableEnded || message.destroyed) reject(new Error("There is no further piece"));
        else resolve();
      };
      for (const name of ["readable", "end", "error", "close"]) message.on(name, settle);
    });
  }
}

/** Sends bytes as they are and reads what comes until the server closes, or until `isEnough` of it came. */
export function askRaw(
  origin: string,
  bytes: string | Uint8Array,
  isEnough: (received: string) => boolean = () => false,
): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let received = "";
    const end = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (isEnough(received)) end();
    });
    socket.on("error", end);
    socket.on("close", end);
    socket.write(bytes);
  });
}

/** Sends so much of a body that does not end there, and waits for an answer all the same. */
export async function askUnended(url: string, asking: Asking, bytes: number): Promise<Answer> {
  const sending = open(url, asking);
  sending.write(Buffer.alloc(bytes));
  try {
    return await whole(await answering(sending));
  } finally {
    sending.destroy();
  }
}

/** Sends a body only when it is asked for, or after the answer shows that nobody will. */
export async function expecting(
  url: string,
  asking: Asking,
): Promise<{ readonly answer: Answer; readonly wasContinued: boolean }> {
  const sending = open(url, { ...asking, headers: { ...asking.headers, expect: "100-continue" } });
  let wasContinued = false;
  sending.once("continue", () => {
    wasContinued = true;
    sending.end(asking.body);
  });
  sending.flushHeaders();
  return { answer: await whole(await answering(sending)), wasContinued };
}
