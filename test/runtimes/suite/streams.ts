import type { SuiteOptions } from "./case-context.ts";
import { type Case, type CaseContext, expectEqual, expectTrue, reasonOf } from "./case-context.ts";

async function opened(context: CaseContext, url: string, options?: SuiteOptions, init?: RequestInit) {
  const response = await context.rotating(options)(url, { method: "POST", body: '{"stream":true}', ...init });
  expectEqual(response.status, 200, "the status");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  const next = async (): Promise<string | undefined> => {
    const { done, value } = await reader.read();
    return done ? undefined : decoder.decode(value);
  };
  return { reader, next };
}

/** The server sends an event only when the one before was read: who holds back or joins events waits for ever. */
async function arrivesInPieces(context: CaseContext, options: SuiteOptions): Promise<void> {
  const url = context.url("stream");
  const { next } = await opened(context, url, options);
  for (const word of ["one", "two", "three"]) {
    const piece = await next();
    expectTrue(piece?.includes(`"${word}"`) === true, `the event "${word}", got ${JSON.stringify(piece)}`);
    await context.release(url);
  }
  expectEqual(await next(), "data: [DONE]\n\n", "the last event");
  expectEqual(await next(), undefined, "the end");
}

export const streams: readonly Case[] = [
  {
    name: "an event stream arrives event by event",
    run: (context) => arrivesInPieces(context, {}),
  },
  {
    name: "an event stream of a preset that looks into streams arrives event by event",
    run: (context) => arrivesInPieces(context, { provider: "openai" }),
  },
  {
    name: "an error inside a stream, before any content, goes to the next key",
    async run(context) {
      const url = context.url("failing-stream");
      const { next } = await opened(context, url, { provider: "openai", roles: ["limited", "good"] });
      let text = "";
      for (let piece = await next(); piece !== undefined; piece = await next()) text += piece;
      expectTrue(text.includes('"one"') && text.endsWith("data: [DONE]\n\n"), `the good key's stream, got ${text}`);
      expectTrue(!text.includes("error"), "nothing of the refused key's stream");
      expectEqual(await context.roles(url), ["limited", "good"], "the keys that arrived");
    },
  },
  {
    name: "cancelling a stream reaches the provider",
    async run(context) {
      const url = context.url("stream");
      const { reader, next } = await opened(context, url);
      await next();
      await reader.cancel();
      await context.closed(url);
    },
  },
  {
    name: "aborting a stream ends the reading with the signal's reason, and reaches the provider",
    async run(context) {
      const url = context.url("stream");
      const controller = new AbortController();
      const { next } = await opened(context, url, {}, { signal: controller.signal });
      await next();
      const reading = reasonOf(next());
      controller.abort(new Error("the user left"));
      // Workers hand a copy of the reason to who reads.
      expectEqual(((await reading) as Error).message, "the user left", "what the reading rejects with");
      await context.closed(url);
    },
  },
];
