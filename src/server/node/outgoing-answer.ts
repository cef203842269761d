import type { ServerResponse } from "node:http";
import { scrubSecrets } from "../../mask.ts";
import { isError } from "../../realms.ts";
import type { ProxiedCall } from "../proxy/proxied-call.ts";
import { ProxyError } from "../proxy/proxy-error.ts";
import { goesBack, hasNoBody, lengthWithoutBody, listedIn, unbuffered } from "../proxy/proxy-headers.ts";
import { SecretScrubber } from "../proxy/secret-scrubber.ts";
import { asBytes, type NodeAnswer } from "./node-answer.ts";
import type { BodySink } from "./upstream-body.ts";

type OutgoingHeaders = Record<string, string | string[]>;

/** Hands an answer over to the client: as it comes, and no faster than the client takes it. */
export function answerWith(answer: NodeAnswer, call: ProxiedCall, response: ServerResponse): void {
  const { status, body, watch } = answer;
  try {
    begin(answer, call, response);
  } catch (error) {
    body.cancel();
    watch?.ended("error");
    throw error;
  }
  if (hasNoBody(call.method, status)) {
    body.cancel();
    watch?.ended("end");
    response.end();
    return;
  }
  // The usual answer is here as a whole: it goes out in one piece.
  const whole = watch === undefined && !mayRepeatKeys(status) ? body.takeWhole() : undefined;
  if (whole !== undefined && whole.length <= 1) response.end(whole[0]);
  else {
    const scrubber = mayRepeatKeys(status) ? new SecretScrubber(call.secrets) : undefined;
    body.take(new ClientSink(answer, response, scrubber));
  }
}

/** Refusals quote what was sent, and redirects the whole URL. */
function mayRepeatKeys(status: number): boolean {
  return status >= 300;
}

function statusTextOf({ status, statusText }: NodeAnswer, { secrets }: ProxiedCall): string {
  return asBytes(mayRepeatKeys(status) ? scrubSecrets(statusText, [...secrets]) : statusText);
}

/** HTTP/2 has none, and no headers of the connection. */
export function hasStatusText({ req }: ServerResponse): boolean {
  return req.httpVersionMajor < 2;
}

function begin(answer: NodeAnswer, call: ProxiedCall, response: ServerResponse): void {
  const { status, body } = answer;
  if (status < 200 || status > 599) {
    throw new ProxyError(502, "bad_upstream", `The provider answered with status ${status}.`);
  }
  const headers = headersFor(answer, call);
  if (hasNoBody(call.method, status) || body.takeWhole()?.length === 0) {
    const length = lengthWithoutBody(call.method, status, headers["content-length"]);
    if (length === undefined) delete headers["content-length"];
    else headers["content-length"] = length;
  } else if (mayRepeatKeys(status)) delete headers["content-length"];
  if (answer.statusText === "" || !hasStatusText(response)) response.writeHead(status, headers);
  else response.writeHead(status, statusTextOf(answer, call), headers);
}

function shortestOf(texts: Iterable<string>): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (const { length } of texts) if (length < shortest) shortest = length;
  return shortest;
}

function headersFor({ headers: given, isDecoded }: NodeAnswer, { secrets }: ProxiedCall): OutgoingHeaders {
  const { record } = given;
  const kept: OutgoingHeaders = {};
  const listed = listedIn(given.get("connection"));
  const shortest = shortestOf(secrets);
  for (const name in record) {
    const value = record[name];
    if (value === undefined || !goesBack(name) || listed?.has(name)) continue;
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    // What is shorter than a secret holds none: that is most of them.
    if (typeof value !== "string") kept[name] = value.map((one) => asBytes(scrubSecrets(one, [...secrets])));
    else kept[name] = asBytes(value.length < shortest ? value : scrubSecrets(value, [...secrets]));
  }
  const type = kept["content-type"];
  return typeof type === "string" && type.startsWith("text/event-stream") ? Object.assign(kept, unbuffered) : kept;
}

/** Writes a body to the client. What breaks at the provider breaks for the client: an end would look like the answer's. */
class ClientSink implements BodySink {
  readonly #answer: NodeAnswer;
  readonly #response: ServerResponse;
  readonly #scrubber: SecretScrubber | undefined;
  #isHeldBack = false;
  #isOver = false;

  constructor(answer: NodeAnswer, response: ServerResponse, scrubber: SecretScrubber | undefined) {
    this.#answer = answer;
    this.#response = response;
    this.#scrubber = scrubber;
    // Somebody else's `fetch` may not know of signals.
    response.once("close", () => this.#leave());
  }

  data(chunk: Uint8Array): void {
    this.#watched(chunk);
    const clean = this.#scrubber === undefined ? chunk : this.#scrubber.push(chunk);
    if (clean.length === 0 || this.#response.write(clean)) return;
    this.#answer.body.pause();
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    // One listener for all times: compression in the app never takes one off again.
    this.#response.on("drain", () => this.#answer.body.resume());
  }

  end(): void {
    this.#isOver = true;
    this.#answer.watch?.ended("end");
    this.#response.end(this.#scrubber?.end());
  }

  fail(error: unknown): void {
    this.#isOver = true;
    this.#answer.watch?.ended("error");
    this.#response.destroy(isError(error) ? error : undefined);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#answer.watch?.ended("cancel");
    this.#answer.body.cancel();
  }

  #watched(chunk: Uint8Array): void {
    try {
      this.#answer.watch?.onChunk?.(chunk);
    } catch {
      // Whoever looks on must not break the answer.
    }
  }
}
