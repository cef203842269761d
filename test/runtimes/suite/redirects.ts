import { defineProvider } from "rotating-fetch";
import { base64, type Case, type CaseContext, expectEqual, type SuiteOptions } from "./case-context.ts";

interface Placement {
  readonly header: string;
  readonly options?: SuiteOptions | undefined;
  /** What the client sends itself. */
  readonly headers?: Record<string, string> | undefined;
}

const placements: readonly Placement[] = [
  { header: "authorization" },
  { header: "x-api-key", headers: { "x-api-key": "rotating" } },
  { header: "x-goog-api-key", headers: { "x-goog-api-key": "rotating" } },
];

const body = "to be kept";

function redirecting(context: CaseContext, status: number, to: string): string {
  return context.url("redirect", `?status=${status}&to=${encodeURIComponent(to)}`);
}

async function staysBehind(context: CaseContext, { header, options, headers = {} }: Placement): Promise<void> {
  const rotating = context.rotating(options);
  const target = context.foreignUrl("echo");
  const found = await rotating(redirecting(context, 302, target), { headers });
  expectEqual([found.status, found.redirected, found.url], [200, true, target], "the answer to a 302");
  const kept = await rotating(redirecting(context, 307, target), { method: "POST", headers, body });
  expectEqual([kept.status, kept.redirected, kept.url], [200, true, target], "the answer to a 307");
  const [first] = await context.arrivals(context.url("redirect"));
  expectEqual(first?.credentials, [{ header, role: "good" }], "the credential at the provider");
  const arrivals = await context.arrivals(target);
  expectEqual(
    arrivals.map(({ method, credentials, isKeyElsewhere }) => ({ method, credentials, isKeyElsewhere })),
    ["GET", "POST"].map((method) => ({ method, credentials: [], isKeyElsewhere: false })),
    "what arrived at the other origin",
  );
  expectEqual(arrivals[1]?.body, base64(body), "the body after a 307");
}

async function follows(context: CaseContext, status: number, init: RequestInit, expected: object): Promise<void> {
  const target = context.url("echo");
  const response = await context.rotating()(redirecting(context, status, target), init);
  await response.text();
  expectEqual([response.status, response.redirected, response.url], [200, true, target], "the answer");
  const arrivals = await context.arrivals(target);
  const seen = arrivals.map(({ method, credentials, body }) => ({ method, credentials, body }));
  expectEqual(
    seen,
    [{ credentials: [{ header: "authorization", role: "good" }], ...expected }].map(inOrder),
    "what arrived",
  );
}

function inOrder({ method, credentials, body }: { method?: string; credentials: unknown; body?: string }): object {
  return { method, credentials, body };
}

const bytes = new Uint8Array([0, 255, 128]);

export const redirects: readonly Case[] = [
  {
    name: "a redirect to the same origin is followed with the key",
    run: (context) => follows(context, 302, {}, { method: "GET", body: "" }),
  },
  {
    name: "a 307 to the same origin is followed with the key and the body, be it text or bytes",
    async run(context) {
      await follows(context, 307, { method: "POST", body }, { method: "POST", body: base64(body) });
    },
  },
  {
    name: "a 308 to the same origin is followed with the key and a body of bytes",
    async run(context) {
      await follows(context, 308, { method: "POST", body: bytes }, { method: "POST", body: base64(bytes) });
    },
  },
  ...placements.map((placement) => ({
    name: `a redirect to another origin never carries a key of ${placement.header}`,
    run: (context: CaseContext) => staysBehind(context, placement),
  })),
  {
    name: "a redirect to another origin never carries a key of a provider's own header",
    run(context) {
      const provider = defineProvider({
        name: "our-gateway",
        baseURL: context.baseURL,
        credential: { header: "x-gateway-key" },
      });
      return staysBehind(context, { header: "x-gateway-key", options: { provider } });
    },
  },
  {
    name: "a redirect is handed to a caller who wants to see it",
    async run(context) {
      const target = context.foreignUrl("echo");
      const response = await context.rotating()(redirecting(context, 302, target), { redirect: "manual" });
      await response.body?.cancel();
      expectEqual([response.status, response.headers.get("location")], [302, target], "the answer");
      expectEqual(await context.arrivals(target), [], "what arrived at the other origin");
    },
  },
];
