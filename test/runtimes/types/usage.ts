import { createRotatingFetch, KeyRotator, type RotatingFetch, type RotatingFetchOptions } from "rotating-fetch";

/** As clients of APIs declare the option. */
interface ClientOptions {
  fetch?: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
}

const options: RotatingFetchOptions = { keys: ["test-a", { secret: "test-b", weight: 2 }], provider: "openai" };
export const rotating: RotatingFetch = createRotatingFetch(options);
const tagged = rotating.with({ tags: { job: "chat" } });
const shared = createRotatingFetch({ rotator: new KeyRotator(options) });

export const asFetch: (typeof globalThis.fetch)[] = [rotating, tagged, shared];
export const asOption: ClientOptions[] = [{ fetch: rotating }, { fetch: tagged }, { fetch: shared }];

/** What a caller does with it, and what a user hands over. */
export async function use(signal: AbortSignal): Promise<string> {
  const given = createRotatingFetch({ ...options, fetch: globalThis.fetch });
  const written = createRotatingFetch({
    ...options,
    fetch: (url, init) => fetch(url, init),
    onExhausted: () => new Response("none", { status: 503 }),
  });
  await written(new Request("https://api.openai.com/v1/models"));
  await written(new URL("https://api.openai.com/v1/models"), { signal });
  const response: Response = await given("https://api.openai.com/v1/models", { method: "POST", body: "{}", signal });
  return response.text();
}

// @ts-expect-error: a misspelled option is noticed
createRotatingFetch({ key: "test-a" });
