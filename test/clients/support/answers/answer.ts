/** What the server sends. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one by one. */
  readonly pieces: readonly string[];
}

/** A request that has a good key. */
export interface Asked {
  readonly method: string;
  /** The path with its query, without the host. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Knows the answers of one API; `undefined` for what is not on its paths. */
export type Api = (asked: Asked) => Answer | undefined;

/** What every model, tool and issue says. */
export const pieces = ["Hello", " out", " there"] as const;
export const text = pieces.join("");

export function json(body: unknown, { status = 200, headers = {} }: Partial<Omit<Answer, "pieces">> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, pieces: [JSON.stringify(body)] };
}

/** Server-sent events: each a JSON object, named by its `type` where asked for, and the last word as it is. */
export function events(list: readonly object[], { named = false, end = "" } = {}): Answer {
  const event = (data: object): string => {
    const name = named ? `event: ${(data as { type: string }).type}\n` : "";
    return `${name}data: ${JSON.stringify(data)}\n\n`;
  };
  const last = end === "" ? [] : [`data: ${end}\n\n`];
  return { status: 200, headers: { "content-type": "text/event-stream" }, pieces: [...list.map(event), ...last] };
}

/** The JSON body of a request; an empty object where it has none. */
export function bodyOf({ body, headers }: Asked): Record<string, unknown> {
  const isJson = headers["content-type"]?.startsWith("application/json") === true;
  return isJson && body.length > 0 ? (JSON.parse(body.toString()) as Record<string, unknown>) : {};
}

/** Is the body a form that arrived to its end? */
export function isMultipart({ headers, body }: Asked): boolean {
  const boundary = /^multipart\/form-data;\s*boundary="?([^";]+)/.exec(headers["content-type"] ?? "")?.[1];
  return boundary !== undefined && body.includes(`--${boundary}--`);
}
