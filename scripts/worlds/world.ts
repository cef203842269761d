import type { createRotatingFetch as CreateRotatingFetch } from "../../src/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import type { Random } from "../../src/types.ts";

/** What is asked for. */
interface Wish {
  readonly number: number;
  readonly model: string;
  /** Between 0 and 1: what a world makes of it is its own. */
  readonly luck: number;
}

export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** `undefined`: it is served. `now`: milliseconds since the world began. */
export type Answer = (account: number, wish: Wish, now: number) => Refusal | undefined;

/** A provider whose words nobody has heard before, and what is asked of it. */
export interface World {
  readonly name: string;
  readonly accounts: number;
  readonly requests: number;
  /** Between two requests. */
  readonly everyMs: number;
  readonly method: "GET" | "POST";
  /** Accounts that will never serve again. */
  readonly dead: readonly number[];
  /** Made anew for each run: worlds may remember. */
  readonly answering: (random: Random) => Answer;
  /** Can any account serve it? Without this: does one, at that moment. */
  readonly isServable?: (wish: Wish, now: number) => boolean;
}

export interface Outcome {
  /** Requests that an account could have served, and that were not. */
  readonly lost: number;
  /** Refused attempts; the first one of a request that nobody can serve is none. */
  readonly wasted: number;
  /** Keys that were given up, and would have served. */
  readonly burnt: number;
  /** How often a dead account was asked: the one that was asked most. */
  readonly hammered: number;
}

export interface Library {
  readonly createRotatingFetch: typeof CreateRotatingFetch;
}

const latencyMs = 50;
const base = "https://api.example.test";

/** Lets a world happen to a library, on a clock of its own. */
export async function play({ createRotatingFetch }: Library, world: World, seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const clock = new FakeClock({ monotonic: 1_000_000 });
  const startedAt = clock.monotonic();
  const answer = world.answering(random);
  const asked = new Array<number>(world.accounts).fill(0);
  let refused = 0;
  const secrets = asked.map((_, account) => `made-up-${seed}-${account}-${"x".repeat(20)}`);
  const fetch = createRotatingFetch({
    keys: secrets.map((secret, account) => ({ id: `k${account}`, secret })),
    baseURL: base,
    clock,
    random: seededRandom(seed + 1),
    fetch: async (url, init) => {
      await new Promise<void>((resolve) => clock.timer(resolve, latencyMs));
      const account = secrets.indexOf((new Headers(init?.headers).get("authorization") ?? "").slice(7));
      asked[account] = (asked[account] ?? 0) + 1;
      const refusal = answer(account, wishOf(String(url)), clock.monotonic() - startedAt);
      if (refusal === undefined) return new Response("{}", { headers: { "content-type": "application/json" } });
      refused++;
      const { status, body, type = "application/json" } = refusal;
      return new Response(body, { status, headers: { "content-type": type } });
    },
  });
  let lost = 0;
  let hopeless = 0;
  const calls: Promise<void>[] = [];
  for (let number = 0; number < world.requests; number++) {
    const wish = { number, model: random() < 0.5 ? "large" : "small", luck: random() };
    const isServable = servable(world, answer, wish, clock.monotonic() - startedAt);
    if (!isServable) hopeless++;
    const init = world.method === "GET" ? {} : { method: "POST", body: JSON.stringify({ model: wish.model }) };
    calls.push(
      fetch(urlOf(wish), init)
        .then(async (response) => {
          await response.body?.cancel();
          return response.status;
        })
        .catch(() => 0)
        .then((status) => {
          if (isServable && status !== 200) lost++;
        }),
    );
    await clock.advance(world.everyMs);
  }
  await clock.advance(120_000);
  await Promise.all(calls);
  const { keys } = await fetch.rotator.snapshot();
  await fetch.rotator.close();
  return {
    lost,
    wasted: Math.max(0, refused - hopeless),
    burnt: keys.filter(({ enabled }, account) => !enabled && !world.dead.includes(account)).length,
    hammered: Math.max(0, ...world.dead.map((account) => asked[account] ?? 0)),
  };
}

function servable({ isServable, accounts }: World, answer: Answer, wish: Wish, now: number): boolean {
  if (isServable !== undefined) return isServable(wish, now);
  for (let account = 0; account < accounts; account++) if (answer(account, wish, now) === undefined) return true;
  return false;
}

const urlOf = ({ number, model, luck }: Wish): string => `${base}/v1/${number}/${model}/${luck}`;

function wishOf(url: string): Wish {
  const [, , number, model = "", luck] = new URL(url).pathname.split("/");
  return { number: Number(number), model, luck: Number(luck) };
}
