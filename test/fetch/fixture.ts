import { createRotatingFetch, type RotatingFetchOptions } from "../../src/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

export const origin = "https://api.example.test";
export const chatUrl = `${origin}/v1/chat/completions`;

/** One request as a stubbed `fetch` got it. */
export interface Sent {
  readonly url: string;
  readonly init: RequestInit;
  readonly headers: Headers;
  /** Place of its key in the pool; -1 when it carries none of them. */
  readonly key: number;
}

export type Answering = (sent: Sent, number: number) => Response | Promise<Response>;

/** A pool on a clock that stands still, in front of a `fetch` that is only a function. */
export function rig(answer: Answering, { keyCount = 2, ...options }: RigOptions = {}) {
  const clock = new FakeClock();
  const secrets = Array.from({ length: keyCount }, newSecret);
  const sent: Sent[] = [];
  const stub = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    const carried = [...headers.values()].map((value) => value.replace(/^\S+ /, ""));
    const request = { url: input, init, headers, key: secrets.findIndex((secret) => carried.includes(secret)) };
    sent.push(request);
    return answer(request, sent.length);
  };
  const fetch = createRotatingFetch({
    keys: secrets,
    baseURL: origin,
    clock,
    random: () => 0.5,
    fetch: stub,
    ...options,
  });
  return { fetch, rotator: fetch.rotator, clock, secrets, sent, keysUsed: () => sent.map(({ key }) => key) };
}

export type RigOptions = Partial<RotatingFetchOptions> & { readonly keyCount?: number };

export const ok = (): Response => Response.json({ fine: true });

/** A refusal in OpenAI's shape. */
export function refusal(status: number, code: string | null = null, headers: Record<string, string> = {}): Response {
  const error = { message: `Refused with ${status}.`, type: "some_error", param: null, code };
  return Response.json({ error }, { status, headers });
}

export const limited = (headers: Record<string, string> = {}): Response => refusal(429, "rate_limit_exceeded", headers);

/** What Node's fetch throws when the connection fails with a code. */
export function networkError(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(`connect ${code}`), { code }) });
}

/** Never answers; fails with the signal's reason, as `fetch` does. */
export function hang({ init }: Sent): Promise<Response> {
  return new Promise((_resolve, reject) => {
    const { signal } = init;
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

export const post = (body: BodyInit = '{"model":"m"}'): RequestInit => ({ method: "POST", body });
