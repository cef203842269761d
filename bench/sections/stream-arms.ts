import { library, makeKeys } from "../library.ts";
import { type AnswerName, completionTokens, promptTokens } from "../processes/stream-server.ts";

/** Asks the server for one of its answers. */
export type Ask = (answer: AnswerName) => Promise<Response>;

export interface Arm {
  readonly name: string;
  readonly ask: Ask;
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

export const bare = "bare fetch";
export const held = "openai: held until content, then passed through";
export const watched = "openai: the same, usage and last event read";
export const handed = "generic, no event stream: the same body";
export const ours = [held, watched, handed] as const;
export const armNames: readonly string[] = [bare, ...ours];

const events = "text/event-stream; charset=utf-8";
const bytes = "application/octet-stream";

/** How a streamed answer may be got at `baseURL`. */
export function makeArms(baseURL: string): readonly Arm[] {
  const keys = makeKeys(3);
  const counting = library.createRotatingFetch({ keys, provider: "openai", baseURL, limits: [{ tokens: 1e15 }] });
  counting.rotator.on("stream-ended", ({ outcome }) => {
    if (outcome !== "complete") throw new Error(`Expected a complete stream, it was ${outcome}`);
  });
  return [
    armOf(bare, baseURL, events, (url, init) => fetch(url, init)),
    armOf(held, baseURL, events, library.createRotatingFetch({ keys, provider: "openai", baseURL })),
    armOf(watched, baseURL, events, counting),
    armOf(handed, baseURL, bytes, library.createRotatingFetch({ keys, provider: "generic", baseURL })),
  ];
}

function armOf(name: string, baseURL: string, type: string, send: Send): Arm {
  const url = `${baseURL}/chat/completions`;
  const body = JSON.stringify({ model: "test-model", stream: true, messages: [{ role: "user", content: "Hello" }] });
  return {
    name,
    async ask(answer) {
      const headers = { "content-type": "application/json", "x-answer": answer, "x-type": type };
      const response = await send(url, { method: "POST", headers, body });
      if (response.status !== 200) throw new Error(`Expected status 200, got ${response.status}`);
      return response;
    },
  };
}

/** A fast wrong answer is worth nothing. */
export async function assertWatches(baseURL: string): Promise<void> {
  const rotating = library.createRotatingFetch({
    keys: makeKeys(1),
    provider: "openai",
    baseURL,
    limits: [{ tokens: 1e6 }],
  });
  const outcomes: string[] = [];
  rotating.rotator.on("stream-ended", ({ outcome }) => outcomes.push(outcome));
  const { ask } = armOf("", baseURL, events, rotating);
  await (await ask("first")).text();
  const used = (await rotating.rotator.snapshot()).keys[0]?.limits[0]?.used;
  if (used !== promptTokens + completionTokens) throw new Error(`Expected the usage to be counted, got ${used} tokens`);
  if (outcomes.join() !== "complete") throw new Error(`Expected one complete stream, got \`${outcomes.join()}\``);
}
