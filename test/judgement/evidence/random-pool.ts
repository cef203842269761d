import { createRotatingFetch } from "../../../src/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { newSecret } from "../../testing/emulator/fixture.ts";

/** An account that refuses everything, in words that nobody has heard before. */
interface Dialect {
  readonly status: number;
  readonly body: string;
}

export interface CallSeen {
  readonly isMalformed: boolean;
  readonly status: number;
  /** Places of the accounts it was sent to, in order. */
  readonly asked: readonly number[];
  /** Places of the accounts that it put into cooldown without a word or code that names an owner. */
  readonly cooled: readonly number[];
}

const syllables = ["ba", "dor", "gi", "lum", "ne", "pra", "sko", "tuv", "wex", "yo"];
const statuses = [400, 403, 404, 406, 410, 412, 418, 422, 432, 451, 477];

/**
 * A pool of accounts of which some are dead, each in a dialect of its own or in one they share, and at least one is good. Some
 * requests are malformed, and every account refuses them alike. All of it follows from the seed.
 */
export class RandomPool {
  readonly dead: ReadonlySet<number>;
  readonly accounts: number;
  readonly calls: CallSeen[] = [];
  readonly clock = new FakeClock({ monotonic: 1_000_000 });
  readonly fetch: ReturnType<typeof createRotatingFetch>;
  readonly #random: () => number;
  readonly #dialects: readonly Dialect[];
  readonly #malformed: Dialect;
  readonly #malformedShare: number;
  #asked: number[] = [];
  #cooled: number[] = [];

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#random = random;
    this.accounts = 2 + Math.floor(random() * 9);
    const most = Math.floor(this.accounts / 2);
    this.dead = new Set(
      Array.from({ length: most }, () => Math.floor(random() * this.accounts)).filter(() => random() < 0.7),
    );
    const shared = this.#newDialect();
    const isShared = random() < 0.3;
    this.#dialects = Array.from({ length: this.accounts }, () => (isShared ? shared : this.#newDialect()));
    this.#malformed = { status: 400, body: this.#gibberish() };
    this.#malformedShare = random() * 0.3;
    const secrets = Array.from({ length: this.accounts }, newSecret);
    this.fetch = createRotatingFetch({
      keys: secrets.map((secret, place) => ({ id: `k${place}`, secret })),
      baseURL: "https://api.example.test",
      clock: this.clock,
      random,
      maxWaitMs: 0,
      retries: 0,
      fetch: async (url, init) => {
        const place = secrets.indexOf((new Headers(init?.headers).get("authorization") ?? "").slice(7));
        this.#asked.push(place);
        return this.#answer(place, String(url).includes("malformed"));
      },
    });
    this.fetch.rotator.on("key-cooled", ({ scope, source }) => {
      const place = /k(\d+)/.exec(scope)?.[1];
      if (source === "heuristic" && place !== undefined) this.#cooled.push(Number(place));
    });
  }

  async call(): Promise<CallSeen> {
    const isMalformed = this.#random() < this.#malformedShare;
    this.#asked = [];
    this.#cooled = [];
    const { status, body } = await this.fetch(`https://api.example.test/${isMalformed ? "malformed" : "fine"}`);
    await body?.cancel();
    const seen = { isMalformed, status, asked: this.#asked, cooled: this.#cooled };
    this.calls.push(seen);
    return seen;
  }

  async pass(ms = 500 + this.#random() * 5_000): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Who cools down or is off, by place. */
  async away(): Promise<readonly number[]> {
    const { keys } = await this.fetch.rotator.snapshot();
    return keys.flatMap(({ state }, place) => (state === "ready" ? [] : [place]));
  }

  #answer(place: number, isMalformed: boolean): Response {
    const refused =
      isMalformed && !this.dead.has(place) ? this.#malformed : this.dead.has(place) ? this.#dialects[place] : undefined;
    if (refused === undefined) return Response.json({ fine: true });
    const headers = { "content-type": "application/json" };
    return new Response(JSON.stringify({ error: refused.body, ref: Math.floor(this.#random() * 1e9) }), {
      status: refused.status,
      headers,
    });
  }

  #newDialect(): Dialect {
    return { status: statuses[Math.floor(this.#random() * statuses.length)] as number, body: this.#gibberish() };
  }

  #gibberish(): string {
    const word = (): string =>
      Array.from({ length: 2 + Math.floor(this.#random() * 2) }, () => syllables[Math.floor(this.#random() * 10)]).join(
        "",
      );
    return Array.from({ length: 3 + Math.floor(this.#random() * 4) }, word).join(" ");
  }
}
