import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type Clock, createRotatingFetch, type KeyConfig, type RotatingFetchOptions } from "../../src/index.ts";
import { newSecret } from "../testing/emulator/fixture.ts";

type Name = "groq" | "openrouter" | "mistral";
type Trouble = "limited" | "spent" | "dead" | "unavailable";
type Answer = readonly [status: number, body: object, headers?: Readonly<Record<string, string>>];

/** Each refuses in words of its own. */
const dialects: Readonly<Record<Name, Readonly<Record<Trouble, Answer>>>> = {
  groq: {
    limited: [
      429,
      {
        error: {
          message:
            "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Used 11800, Requested 900. Please try again in 3.5s.",
          type: "tokens",
          code: "rate_limit_exceeded",
        },
      },
      { "retry-after": "4" },
    ],
    spent: [402, { error: { message: "Your account has insufficient credits.", type: "insufficient_quota" } }],
    dead: [401, { error: { message: "Invalid API Key", type: "invalid_request_error", code: "invalid_api_key" } }],
    unavailable: [503, { error: { message: "Service Unavailable", type: "internal_server_error" } }],
  },
  openrouter: {
    limited: [429, { error: { message: "Rate limit exceeded: free-models-per-min. ", code: 429 } }],
    spent: [
      402,
      { error: { message: "Insufficient credits. Add more using https://openrouter.ai/credits", code: 402 } },
    ],
    dead: [401, { error: { message: "User not found.", code: 401 } }],
    unavailable: [503, { error: { message: "No instances available", code: 503 } }],
  },
  mistral: {
    limited: [429, { object: "error", message: "Requests rate limit exceeded", type: "rate_limited", code: "1300" }],
    spent: [402, { object: "error", message: "Payment required: no credits left", type: "payment_required" }],
    dead: [401, { message: "Unauthorized", request_id: "1" }],
    unavailable: [503, { object: "error", message: "Service unavailable.", type: "internal_server_error" }],
  },
};

const paths: Readonly<Record<Name, string>> = { groq: "/openai/v1", openrouter: "/api/v1", mistral: "/v1" };

/** And has a name of its own for the model. */
const models: Readonly<Record<Name, string>> = {
  groq: "llama-3.3-70b-versatile",
  openrouter: "meta-llama/llama-3.3-70b-instruct",
  mistral: "mistral-large-latest",
};

/** A provider on a port of its own, in trouble as long as `trouble()` says so. */
class EmulatedProvider {
  readonly name: Name;
  readonly secret = newSecret();
  readonly seen: { readonly url: string; readonly model: unknown }[] = [];
  trouble: () => Trouble | undefined = () => undefined;
  #origin = "";
  #server: Server | undefined;

  constructor(name: Name) {
    this.name = name;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    this.#origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  /** From now on nobody listens there. */
  async leave(): Promise<void> {
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  key(more: Partial<KeyConfig> = {}): KeyConfig {
    const baseURL = `${this.#origin}${paths[this.name]}`;
    return {
      id: this.name,
      secret: this.secret,
      provider: this.name,
      baseURL,
      models: { smart: models[this.name] },
      ...more,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { model: unknown; stream?: boolean };
    this.seen.push({ url: request.url as string, model: body.model });
    const trouble = this.trouble();
    const isOwn = request.headers.authorization === `Bearer ${this.secret}`;
    const refusal = trouble !== undefined ? dialects[this.name][trouble] : undefined;
    const [status, answer, headers] = isOwn ? (refusal ?? [200, this.#good()]) : dialects[this.name].dead;
    if (status !== 200 || body.stream !== true) {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(answer));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const chunk = { choices: [{ index: 0, delta: { role: "assistant", content: `from ${this.name}` } }] };
    response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
  }

  #good(): object {
    const message = { role: "assistant", content: `from ${this.name}` };
    return { id: "x", choices: [{ index: 0, message, finish_reason: "stop" }] };
  }
}

const call = "https://llm.internal/v1/chat/completions";

async function started(...names: readonly Name[]): Promise<EmulatedProvider[]> {
  return Promise.all(names.map((name) => new EmulatedProvider(name).start()));
}

function poolOf(providers: readonly EmulatedProvider[], options: Partial<RotatingFetchOptions> = {}) {
  const keys = providers.map((each, priority) => each.key({ priority }));
  const fetch = createRotatingFetch({ baseURL: "https://llm.internal/v1", keys, ...options });
  return async (body: object = {}): Promise<{ status: number; text: string; trace: string | null }> => {
    const response = await fetch(call, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer anything" },
      body: JSON.stringify({ model: "smart", messages: [], ...body }),
    });
    return {
      status: response.status,
      text: await response.text(),
      trace: response.headers.get("x-rotating-fetch-trace"),
    };
  };
}

const orders: readonly (readonly [Name, Name, Name])[] = [
  ["groq", "openrouter", "mistral"],
  ["openrouter", "mistral", "groq"],
  ["mistral", "groq", "openrouter"],
];
const troubles: readonly (Trouble | "refusing")[] = ["limited", "spent", "dead", "refusing", "unavailable"];

describe("one pool of three providers", () => {
  it.each(orders.flatMap((order) => troubles.map((trouble) => [order, trouble] as const)))(
    "of %j answers from the second what the first one, %s, does not, at once and streams included",
    async (order, trouble) => {
      for (const stream of [false, true]) {
        const providers = await started(...order);
        const [first, second, third] = providers as [EmulatedProvider, EmulatedProvider, EmulatedProvider];
        if (trouble === "refusing") await first.leave();
        else first.trouble = () => trouble;
        const pauses: number[] = [];
        const timer: Clock["timer"] = (callback, delayMs, background) => {
          // Beyond that they bound what may take too long.
          if (delayMs < 9_000) pauses.push(delayMs);
          return systemClock.timer(callback, delayMs, background);
        };
        const clock = { wall: () => systemClock.wall(), monotonic: () => systemClock.monotonic(), timer };
        const ask = poolOf(providers, { trace: true, clock });
        const { status, text, trace } = await ask(stream ? { stream } : {});
        expect(pauses).toEqual([]);
        expect([status, text.includes(`from ${second.name}`)]).toEqual([200, true]);
        expect([first.seen.length, second.seen.length, third.seen.length]).toEqual([
          trouble === "refusing" ? 0 : 1,
          1,
          0,
        ]);
        expect(trace?.match(/provider=\w+|as=[^;,]+/g)).toEqual([
          `provider=${first.name}`,
          expect.stringContaining(models[first.name]),
          `provider=${second.name}`,
          expect.stringContaining(models[second.name]),
        ]);
        expect(second.seen[0]).toEqual({ url: `${paths[second.name]}/chat/completions`, model: models[second.name] });
      }
    },
  );

  it("loses none of many calls that one of them could serve, whatever befalls the others", async () => {
    const providers = await started("groq", "openrouter", "mistral");
    const faults = [undefined, "limited", "unavailable", undefined, "unavailable", undefined] as const;
    let turn = 0;
    for (const each of providers.slice(0, 2)) each.trouble = () => faults[turn++ % faults.length];
    const ask = poolOf(providers, { maxWaitMs: 2_000 });
    const statuses: number[] = [];
    for (let round = 0; round < 15; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, place) => ask({ stream: place % 2 === 0 })));
      statuses.push(...answers.map(({ status }) => status));
    }
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses).toHaveLength(300);
  });
});

describe("accounts of one name at several providers", () => {
  it("are told apart wherever they are told of", async () => {
    const providers = await started("groq", "mistral");
    const keys = providers.map((each) => each.key({ account: "acme" }));
    const limits = [{ requests: 1, per: "hour" }] as const;
    const { rotator } = createRotatingFetch({ baseURL: "https://llm.internal/v1", keys, limits, maxWaitMs: 0 });
    const lease = await rotator.acquire({ model: "smart" });
    const [one, other] = [
      ["groq", "acme"],
      ["mistral", "acme"],
    ];
    const named = (each: { readonly provider?: string | undefined; readonly account: string }) => [
      each.provider,
      each.account,
    ];
    const explained = await rotator.explain();
    expect(explained.keys.map((each) => [...named(each), each.by])).toEqual([
      [...(one as string[]), "account:acme#requests-hour-rolling"],
      [...(other as string[]), null],
    ]);
    const { keys: shown, accounts, ready, limited } = await rotator.snapshot();
    expect([shown.map(named), accounts, ready, limited]).toEqual([[one, other], 2, 1, 1]);
    const [forecast] = (await rotator.forecast()).limits;
    expect(forecast?.accounts.map((each) => [...named(each), each.left])).toEqual([
      [...(one as string[]), 0],
      [...(other as string[]), 1],
    ]);
    lease.settle({ outcome: "success" });
  });
});
