import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { type Refusal, SimulatedPool, type SimulatedRequest, type World } from "./simulated-pool.ts";

const refused: Refusal = { status: 418, text: '{"error":"E-7712"}' };
const elsewhere: Refusal = { status: 400, text: '{"error":"malformed"}' };

/** Requests one after another, each of a subject of its own. */
function requests(pool: SimulatedPool, count: number, everyMs: number, fields: Partial<SimulatedRequest> = {}) {
  const tallies = [];
  for (let subject = 0; subject < count; subject++) {
    tallies.push(pool.call({ subject, model: "one", isRepeatable: true, ...fields }));
    pool.clock.advance(everyMs);
  }
  return tallies;
}

const isDead =
  (...dead: readonly number[]): World =>
  (account) =>
    dead.includes(account) ? refused : undefined;

describe("evidence from the pool", () => {
  it("has no state, and looks at nothing, where nobody is refused", () => {
    const pool = new SimulatedPool(4, () => undefined);
    expect(requests(pool, 100, 100).every(({ served }) => served)).toBe(true);
    expect(pool.attached).toBe(0);
  });

  it("puts an account that refuses everything into cooldown after three refusals, and loses nothing", () => {
    const pool = new SimulatedPool(10, isDead(3));
    const tallies = requests(pool, 360, 1000);
    expect(tallies.filter(({ served }) => !served)).toHaveLength(0);
    const before = tallies
      .slice(0, 60)
      .flatMap(({ asked }) => asked)
      .filter((account) => account === 3);
    expect(before.length).toBeLessThanOrEqual(4);
    expect(new Set(pool.cooldowns.map(({ account }) => account))).toEqual(new Set([3]));
  });

  it("asks a dead account at most thirty times a day", () => {
    const pool = new SimulatedPool(3, isDead(1));
    const tallies = requests(pool, 8640, 10_000);
    expect(tallies.flatMap(({ asked }) => asked).filter((account) => account === 1).length).toBeLessThanOrEqual(32);
  });

  it("puts no account into cooldown for refusals that depend on the request alone", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const share = random() * 0.5;
      const bad = new Set(Array.from({ length: 3000 }, (_, subject) => subject).filter(() => random() < share));
      const pool = new SimulatedPool(2 + Math.floor(random() * 9), (_, { subject }) =>
        bad.has(subject) ? elsewhere : undefined,
      );
      requests(pool, 3000, 200);
      expect(pool.cooldowns, `seed ${seed}`).toEqual([]);
    }
  });

  it("asks for few second opinions where the request is at fault", () => {
    const pool = new SimulatedPool(10, (_, { subject }) => (subject % 7 === 0 ? elsewhere : undefined));
    const tallies = requests(pool, 3600, 1000);
    const opinions = tallies.filter(({ asked }) => asked.length > 1);
    expect(opinions.length).toBeLessThanOrEqual(10);
  });

  it("puts nobody into cooldown, and soon asks one account a call, where everybody refuses everything", () => {
    const pool = new SimulatedPool(5, () => refused);
    const tallies = requests(pool, 200, 1000);
    expect(pool.cooldowns).toEqual([]);
    expect(tallies.slice(10).flatMap(({ asked }) => asked).length / 190).toBeLessThan(1.1);
  });

  it("keeps an account in use for the models it serves", () => {
    const pool = new SimulatedPool(4, (account, { model }) =>
      account === 2 && model === "large" ? refused : undefined,
    );
    const random = seededRandom(7);
    for (let subject = 0; subject < 400; subject++) {
      pool.call({ subject, model: random() < 0.5 ? "large" : "small", isRepeatable: true });
      pool.clock.advance(700);
    }
    expect(new Set(pool.cooldowns.map(({ scope }) => scope))).toEqual(new Set(["model 2 large"]));
  });

  it("widens to the account when two of its models are refused alike", () => {
    const pool = new SimulatedPool(4, isDead(2));
    for (let subject = 0; subject < 200; subject++) {
      pool.call({ subject, model: `model-${subject % 3}`, isRepeatable: true });
      pool.clock.advance(700);
    }
    expect(pool.cooldowns.map(({ scope }) => scope)).toContain("account 2");
  });

  it("sends a request whose outcome is unclear to nobody else, and still finds the dead account", () => {
    const pool = new SimulatedPool(10, isDead(3));
    const tallies = requests(pool, 360, 1000, { isRepeatable: false });
    expect(tallies.every(({ asked }) => asked.length === 1)).toBe(true);
    expect(tallies.filter(({ served }) => !served).length).toBeLessThanOrEqual(12);
    expect(new Set(pool.cooldowns.map(({ account }) => account))).toEqual(new Set([3]));
  });

  it.each([402, 409])("never sends a request again after %i", (status) => {
    const pool = new SimulatedPool(6, (account) => (account < 2 ? { status, text: "no" } : undefined));
    expect(requests(pool, 300, 500).every(({ asked }) => asked.length === 1)).toBe(true);
  });

  it("puts no account into cooldown for one subject, however often it is refused", () => {
    const pool = new SimulatedPool(4, (_, { subject }) => (subject === -1 ? refused : undefined));
    for (let turn = 0; turn < 300; turn++) {
      pool.call({ subject: -1, model: "one", isRepeatable: true }, 2);
      pool.call({ subject: turn, model: "one", isRepeatable: true });
      pool.clock.advance(150);
    }
    expect(pool.cooldowns).toEqual([]);
  });

  it("serves with a good account what dead ones refuse in their own words each", () => {
    const texts = ["gone", "away", "no luck"];
    const pool = new SimulatedPool(4, (account) =>
      account < 3 ? { status: 400, text: texts[account] ?? "" } : undefined,
    );
    const tallies = requests(pool, 400, 1000);
    expect(tallies.slice(40).filter(({ served }) => !served).length).toBeLessThanOrEqual(4);
  });

  it("finds an account that came back with the next live request", () => {
    let isBack = false;
    const pool = new SimulatedPool(4, (account) => (account === 1 && !isBack ? refused : undefined));
    requests(pool, 200, 1000);
    expect(pool.cooldowns).not.toEqual([]);
    isBack = true;
    pool.clock.advance(3_600_000);
    const tallies = requests(pool, 40, 1000);
    expect(tallies.every(({ served }) => served)).toBe(true);
    expect(tallies.flatMap(({ asked }) => asked).filter((account) => account === 1).length).toBeGreaterThan(5);
  });

  it("never lets more than half of the accounts cool down", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const accounts = 2 + Math.floor(random() * 8);
      const pool = new SimulatedPool(accounts, (account) =>
        account < accounts - 1 && random() < 0.9
          ? { status: 400, text: `words of ${"abcdefghij"[account]}` }
          : undefined,
      );
      for (let subject = 0; subject < 500; subject++) {
        pool.call({ subject, model: "one", isRepeatable: true });
        const cooling = Array.from({ length: accounts }, (_, account) => pool.isCooling(account, "one"));
        expect(2 * cooling.filter(Boolean).length, `seed ${seed}`).toBeLessThanOrEqual(accounts);
        pool.clock.advance(800);
      }
    }
  });

  it("learns the same whatever the accounts and the words are called", () => {
    const story = (rename: (account: number) => number, word: string): readonly (readonly number[])[] => {
      const pool = new SimulatedPool(5, (account, { subject }) =>
        rename(account) === 2 ? { status: 400, text: `${word} id req_${subject}a77` } : undefined,
      );
      return requests(pool, 200, 900).map(({ asked }) => asked.map(rename));
    };
    const plain = story((account) => account, "no");
    expect(story((account) => account, "nein, danke")).toEqual(plain);
  });

  it("forgets everything five minutes after the last refusal, and stops looking", () => {
    const pool = new SimulatedPool(3, (_, { subject }) => (subject === 0 ? refused : undefined));
    requests(pool, 3, 1000);
    expect(pool.isWatching).toBe(true);
    pool.clock.advance(300_000);
    requests(pool, 1, 0, { subject: 5 });
    expect(pool.isWatching).toBe(false);
    expect(pool.evidence.describe({ id: "0", account: "0", accountId: "0" })).toBeUndefined();
  });

  it("says once what a refusal turned out to mean", () => {
    const ofAccount = new SimulatedPool(6, isDead(1));
    requests(ofAccount, 100, 1000);
    expect(ofAccount.learned).toMatchObject([{ provider: "generic", status: 418, means: "account" }]);
    const ofRequest = new SimulatedPool(6, (_, { subject }) => (subject % 7 === 0 ? elsewhere : undefined));
    requests(ofRequest, 100, 1000);
    expect(ofRequest.learned).toMatchObject([{ provider: "generic", status: 400, means: "request" }]);
  });
});
