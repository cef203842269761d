import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { handWritten, plainInit, type Send } from "../calls.ts";
import { library, makeKeys } from "../library.ts";
import { roundsOf, shuffled } from "../measure.ts";
import { loadKy, loadOpenAI, loadPRetry } from "../peers.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import { figure, printGoal, printTable, printTitle } from "../table.ts";

interface Setting {
  /** The first key is refused with 429 and `Retry-After: 1`, the second is served. */
  readonly keys: readonly [limited: string, free: string];
  readonly baseURL: string;
}

type Attempt = () => Promise<void>;

/** Milliseconds until the 200 when the first key is refused. */
export async function failover(): Promise<void> {
  printTitle("(d) first key 429 with Retry-After: 1, second key 200, over loopback: ms until the 200 is read");
  const [limited = "", free = ""] = makeKeys(2);
  const child = fork(fileURLToPath(new URL("../processes/provider.ts", import.meta.url)), [limited, free]);
  try {
    const [message] = (await once(child, "message")) as [{ baseURL: string }];
    await measure({ keys: [limited, free], baseURL: message.baseURL });
  } finally {
    child.disconnect();
  }
}

async function measure(setting: Setting): Promise<void> {
  const plain = plainCall(setting);
  const byHand = bothByHand(setting);
  await plain();
  const [first] = await timed(oursOnce(setting));
  for (let warmUp = 0; warmUp < 100; warmUp++) await timed(plain, byHand, oursOnce(setting));
  const plains: number[] = [];
  const hands: number[] = [];
  const totals: number[] = [];
  for (let round = 0; round < roundsOf(300); round++) {
    const rows: readonly (readonly [number[], Attempt])[] = [
      [plains, plain],
      [hands, byHand],
      [totals, oursOnce(setting)],
    ];
    for (const [samples, attempt] of shuffled(rows)) samples.push(...(await timed(attempt)));
  }
  const onePlain = spreadOf(plains);
  const our = spreadOf(totals);
  const table = [
    line("one plain successful request", onePlain, onePlain.median),
    line("by hand, knowing what comes: the 429, then the 200", spreadOf(hands), onePlain.median),
    line("rotating-fetch, first call of the process", spreadOf([first as number]), onePlain.median),
    line("rotating-fetch, warm, a new pool each time", our, onePlain.median),
    ...(await others(setting)).map(([name, spread]) => line(name, spread, onePlain.median)),
  ];
  printTable(["call", "median", "p10", "p90", "more than one plain request"], table);
  printGoal("more than one plain request", our.median - onePlain.median, 0.5, " ms");
  printGoal("more than the same two requests by hand", our.median - spreadOf(hands).median, 0.5, " ms");
}

function line(name: string, spread: Spread, onePlain: number): string[] {
  return [name, ...[spread.median, spread.p10, spread.p90, spread.median - onePlain].map(figure)];
}

async function timed(...attempts: readonly Attempt[]): Promise<number[]> {
  const times: number[] = [];
  for (const attempt of attempts) {
    const startedAt = performance.now();
    await attempt();
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function expectServed(response: Response): Promise<void> {
  if (response.status !== 200) throw new Error(`Expected status 200, got ${response.status}`);
  await response.json();
}

const globalSend: Send = (url, init) => fetch(url, init);

function plainCall({ keys: [, free], baseURL }: Setting): Attempt {
  const send = handWritten([free], globalSend);
  return async () => expectServed(await send(`${baseURL}/chat/completions`, plainInit()));
}

/** The least that two round trips can cost. */
function bothByHand({ keys, baseURL }: Setting): Attempt {
  const send = handWritten(keys, globalSend);
  return async () => {
    const refused = await send(`${baseURL}/chat/completions`, plainInit());
    if (refused.status !== 429) throw new Error(`Expected status 429, got ${refused.status}`);
    await refused.text();
    await expectServed(await send(`${baseURL}/chat/completions`, plainInit()));
  };
}

/** A pool of its own for every call: it does not know yet that the first key is limited. */
function oursOnce({ keys, baseURL }: Setting): Attempt {
  const rotating = library.createRotatingFetch({ keys, baseURL });
  return async () => expectServed(await rotating(`${baseURL}/chat/completions`, plainInit()));
}

/** Others are given a turn of keys: with one key they would never be served. They sleep, so all may sleep together. */
async function others({ keys, baseURL }: Setting): Promise<[string, Spread][]> {
  const url = `${baseURL}/chat/completions`;
  const pRetry = await loadPRetry();
  const ky = await loadKy();
  const OpenAI = await loadOpenAI();
  const tools: readonly (readonly [string, Attempt])[] = [
    [
      "p-retry + round robin",
      () => {
        const send = handWritten(keys, globalSend);
        return pRetry(async () => expectServed(await send(url, plainInit())));
      },
    ],
    [
      "ky + round robin",
      async () => {
        let turn = 0;
        const send = (request: Request): Promise<Response> => {
          request.headers.set("authorization", `Bearer ${keys[turn++ % keys.length]}`);
          return fetch(request);
        };
        const client = ky.create({ fetch: send, retry: { methods: ["post"] } });
        const { body, headers } = plainInit();
        await expectServed(await client.post(url, { body, headers }));
      },
    ],
    [
      "openai SDK's own retry + round robin",
      async () => {
        const client = new OpenAI({ apiKey: "rotating", baseURL, fetch: handWritten(keys, globalSend) });
        await client.chat.completions.create({ model: "test-model", messages: [{ role: "user", content: "Hello" }] });
      },
    ],
  ];
  const times = new Map<string, number[]>(tools.map(([name]) => [name, []]));
  for (let round = 0; round < roundsOf(5); round++) {
    await Promise.all(tools.map(async ([name, attempt]) => times.get(name)?.push(...(await timed(attempt)))));
  }
  return [...times].map(([name, samples]) => [name, spreadOf(samples)]);
}
