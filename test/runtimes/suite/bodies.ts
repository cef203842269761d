import { base64, type Case, type CaseContext, expectEqual } from "./case-context.ts";

interface Sending {
  readonly name: string;
  /** What to send; made for each call, as a user makes it. */
  make(url: string): { readonly input: string | URL | Request; readonly init?: RequestInit | undefined };
  readonly contentType: string | null;
  readonly body: string;
}

const text = JSON.stringify({ model: "small", input: "grüße" });
/** Not valid as UTF-8: whoever decodes them on the way breaks them. */
const bytes = new Uint8Array([0, 255, 254, 128, 10, 13, 195, 40]);

function stream(): ReadableStream<Uint8Array> {
  const chunks = [bytes, new TextEncoder().encode(text)];
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

async function* iterated(): AsyncGenerator<Uint8Array> {
  yield bytes;
  yield new TextEncoder().encode(text);
}

function form(): FormData {
  const fields = new FormData();
  fields.append("model", "small");
  fields.append("file", new Blob([text], { type: "text/plain" }), "grüße.txt");
  return fields;
}

const streamed = base64(new Uint8Array([...bytes, ...new TextEncoder().encode(text)]));
const method = "POST";

const sendings: readonly Sending[] = [
  {
    name: "a string",
    make: (input) => ({ input, init: { method, headers: { "content-type": "application/json" }, body: text } }),
    contentType: "application/json",
    body: base64(text),
  },
  {
    name: "bytes",
    make: (input) => ({ input, init: { method, body: bytes } }),
    contentType: null,
    body: base64(bytes),
  },
  {
    name: "URLSearchParams",
    make: (input) => ({ input, init: { method, body: new URLSearchParams({ q: "a b&c", é: "1" }) } }),
    contentType: "application/x-www-form-urlencoded",
    body: base64("q=a+b%26c&%C3%A9=1"),
  },
  {
    name: "a form with a file",
    make: (input) => ({ input, init: { method, body: form() } }),
    contentType: "multipart/form-data",
    body: JSON.stringify([
      ["model", "small"],
      ["file", { name: "grüße.txt", type: "text/plain", text }],
    ]),
  },
  {
    name: "a stream",
    make: (input) => ({ input, init: { method, body: stream(), duplex: "half" } as RequestInit }),
    contentType: null,
    body: streamed,
  },
  {
    name: "an async iterable",
    make: (input) => ({
      input,
      init: { method, body: iterated() as unknown as BodyInit, duplex: "half" } as RequestInit,
    }),
    contentType: null,
    body: streamed,
  },
  {
    name: "a Request",
    make: (url) => ({
      input: new Request(url, { method, headers: { "content-type": "application/json" }, body: text }),
    }),
    contentType: "application/json",
    body: base64(text),
  },
  {
    name: "a Request with a stream",
    make: (url) => ({ input: new Request(url, { method, body: stream(), duplex: "half" } as RequestInit) }),
    contentType: null,
    body: streamed,
  },
  {
    name: "a URL object",
    make: (url) => ({
      input: new URL(url),
      init: { method, headers: { "content-type": "application/json" }, body: text },
    }),
    contentType: "application/json",
    body: base64(text),
  },
];

async function rotates(context: CaseContext, { make, contentType, body }: Sending): Promise<void> {
  const url = context.url("echo");
  const { input, init } = make(url);
  const response = await context.rotating({ roles: ["limited", "good"] })(input, init);
  expectEqual(await response.json(), { role: "good", method }, "the answer");
  const seen = (await context.arrivals(url)).map((arrival) => ({
    role: arrival.credentials[0]?.role,
    method: arrival.method,
    contentType: arrival.contentType,
    body: arrival.body,
  }));
  const expected = (["limited", "good"] as const).map((role) => ({ role, method, contentType, body }));
  expectEqual(seen, expected, "what the provider saw of both attempts");
}

export const bodies: readonly Case[] = sendings.map((sending) => ({
  name: `${sending.name} is sent again to the next key as it was`,
  run: (context: CaseContext) => rotates(context, sending),
}));
