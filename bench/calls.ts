import { library, makeKeys, type ProviderName, type RotatingFetch, twoLimits } from "./library.ts";
import type { Row } from "./measure.ts";

export type Send = (url: string, init: RequestInit) => Promise<Response>;

export const url = "https://api.example.test/v1/chat/completions";
const body = JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "Hello" }] });

const rateLimitNames = [
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
] as const;

const plainResponse = new Response("{}", { headers: { "content-type": "application/json" } });
const informativeResponse = new Response("{}", {
  headers: {
    "content-type": "application/json",
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "160000",
    "x-ratelimit-remaining-tokens": "159976",
    "x-ratelimit-reset-tokens": "9ms",
  },
});

/** Answers at once, always with the same response: what remains is the price of the way there. */
export const stub: Send = async () => plainResponse;
/** The same with a provider's six rate-limit headers on the answer. */
export const informativeStub: Send = async () => informativeResponse;

/** What people write by hand. */
export function handWritten(keys: readonly string[], send: Send): Send {
  let turn = 0;
  return (to, init) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${keys[turn++ % keys.length]}`);
    return send(to, { ...init, headers });
  };
}

/** The quickest that anybody would write: no copy of a `Headers` where none was given, and nothing of `init` but what is used. */
export function quickestByHand(keys: readonly string[], send: Send): Send {
  const credentials = keys.map((key) => `Bearer ${key}`);
  let turn = 0;
  return (to, { method, headers, body }) => {
    const authorization = credentials[turn++ % credentials.length] as string;
    if (!(headers instanceof Headers)) {
      return send(to, {
        method,
        headers: { ...(headers as Record<string, string>), authorization },
        body,
      } as RequestInit);
    }
    const copy = new Headers(headers);
    copy.set("authorization", authorization);
    return send(to, { method, headers: copy, body } as RequestInit);
  };
}

/** The same, reading what the answer says of the limits. */
export function handWrittenReading(keys: readonly string[], send: Send): Send {
  const inner = handWritten(keys, send);
  const seen: (string | null)[] = [];
  return async (to, init) => {
    const response = await inner(to, init);
    for (let place = 0; place < rateLimitNames.length; place++) {
      seen[place] = response.headers.get(rateLimitNames[place] as string);
    }
    return response;
  };
}

/** With a provider whose answers carry counters, those are read on every call. */
export function wrapper(keys: readonly string[], send: Send, provider: ProviderName = "generic"): RotatingFetch {
  return library.createRotatingFetch({
    keys,
    provider,
    baseURL: "https://api.example.test/v1",
    limits: twoLimits,
    fetch: send as typeof fetch,
  });
}

/** Makes the init of one call. */
export type MakeInit = () => RequestInit;

/** Three headers in an object literal, new for every call as clients do. */
export const plainInit: MakeInit = () => ({
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json", authorization: "Bearer rotating" },
  body,
});

const common = { "content-type": "application/json", accept: "application/json" };

/** The same made by spreading and then adding, as many do: on Node 20 each is of a hidden class of its own, and slower to read. */
export const spreadInit: MakeInit = () => {
  const headers: Record<string, string> = { ...common };
  headers["authorization"] = "Bearer rotating";
  return { method: "POST", headers, body };
};

/** A new `Headers` for every call, as SDKs do. */
export const freshHeadersInit: MakeInit = () => {
  const init = plainInit();
  return { method: "POST", headers: new Headers(init.headers), body };
};

const reused = new Headers(plainInit().headers);
export const reusedHeadersInit: MakeInit = () => ({ method: "POST", headers: reused, body });

// As many as an SDK sends.
const many = new Headers(reused);
for (let place = 0; place < 9; place++) many.set(`x-client-fact-${place}`, `value-${place}`);
export const manyHeadersInit: MakeInit = () => ({ method: "POST", headers: many, body });

/** One call after the other, each awaited. */
export function callRow(name: string, send: Send, makeInit: MakeInit): Row {
  return {
    name,
    async run(count) {
      for (let call = 0; call < count; call++) await send(url, makeInit());
    },
  };
}

/** Fails unless the candidate really gives every key its turn: a fast wrong answer is worth nothing. */
export async function assertRotates(
  make: (keys: readonly string[], send: Send) => Send,
  init: MakeInit,
): Promise<void> {
  const keys = makeKeys(3);
  const seen = new Set<string | null>();
  const send = make(keys, async (_url, sent) => {
    seen.add(new Headers(sent.headers).get("authorization"));
    return plainResponse;
  });
  for (let call = 0; call < 3; call++) await send(url, init());
  if (seen.size !== 3 || keys.some((key) => !seen.has(`Bearer ${key}`))) throw new Error("Keys were not rotated");
}
