import { FinalFailure } from "../attempt/call.ts";

/** As many as browsers follow. */
export const mostRedirects = 20;

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return status >= 300 && status < 400 && redirectStatuses.has(status);
}

/** How the next request of a chain differs from the last, by the fetch standard. */
export interface Hop {
  readonly url: string;
  readonly method: string;
  readonly keepsBody: boolean;
  readonly crossesOrigin: boolean;
}

/** What a `fetch` rejects with when it cannot follow; another key would be led to the same place. */
export function redirectFailure(reason: string, cause?: unknown): FinalFailure {
  return new FinalFailure(new TypeError("fetch failed", { cause: new Error(reason, { cause }) }));
}

/** The next hop, or `undefined` when the answer names none. */
export function nextHop(
  response: { readonly status: number; readonly headers: { get(name: string): string | null } },
  from: string,
  method: string,
): Hop | undefined {
  const location = response.headers.get("location");
  if (location === null) return undefined;
  const current = new URL(from);
  let url: URL;
  try {
    url = new URL(location, current);
  } catch (cause) {
    throw redirectFailure("The provider redirects to a malformed URL", cause);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw redirectFailure("The provider redirects to a URL that is not http(s)");
  }
  if (url.hash === "") url.hash = current.hash;
  const { status } = response;
  const toGet = (status === 303 && method !== "HEAD") || ((status === 301 || status === 302) && method === "POST");
  return {
    url: url.href,
    method: toGet ? "GET" : method,
    keepsBody: !toGet,
    crossesOrigin: url.origin !== current.origin,
  };
}
