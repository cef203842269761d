import type { Random } from "../../src/types.ts";
import { bare, Throttle, unheard } from "./dialect.ts";
import type { Answer, Refusal, World } from "./world.ts";

type Asked = Parameters<Answer>;
type Phrase = (random: Random) => Refusal;

const minute = 60_000;
const hour = { requests: 3600, everyMs: 1000, accounts: 10, method: "GET", dead: [] } as const;
const day = { ...hour, requests: 8640, everyMs: 10_000 } as const;

const gibberishUnder =
  (status: number): Phrase =>
  (random) =>
    unheard(status, random);
const withoutWords =
  (status: number): Phrase =>
  () =>
    bare(status);

/** Whatever is meant is refused, always in the same words. */
function refusing(phrase: Phrase, isMeant: (...asked: Asked) => boolean): World["answering"] {
  return (random) => {
    const said = phrase(random);
    return (...asked) => (isMeant(...asked) ? said : undefined);
  };
}

/** Some accounts refuse everything, for good, in one wording. */
function dying(dead: readonly number[], phrase: Phrase): Pick<World, "dead" | "answering"> {
  return { dead, answering: refusing(phrase, (account) => dead.includes(account)) };
}

/** The same, each in words and under a status of its own. */
function dyingApart(dead: readonly number[], statuses: readonly number[]): Pick<World, "dead" | "answering"> {
  return {
    dead,
    answering: (random) => {
      const refusals = new Map(dead.map((account, place) => [account, unheard(statuses[place] ?? 400, random)]));
      return (account) => refusals.get(account);
    },
  };
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, place) => place);

const deadAccounts: readonly World[] = [
  { ...day, name: "1 of 10 dead: a bare 418", ...dying([3], withoutWords(418)) },
  { ...day, name: "1 of 10 dead: 400", ...dying([3], gibberishUnder(400)) },
  { ...day, name: "1 of 10 dead: 401", ...dying([3], gibberishUnder(401)) },
  { ...day, name: "1 of 10 dead: 403", ...dying([3], gibberishUnder(403)) },
  { ...day, name: "1 of 10 dead: 500", ...dying([3], gibberishUnder(500)) },
  { ...day, name: "1 of 10 dead: 400, POSTs", method: "POST", ...dying([3], gibberishUnder(400)) },
  { ...day, name: "5 of 10 dead, each in its own way", ...dyingApart([0, 2, 4, 6, 8], [400, 403, 418, 451, 401]) },
  { ...day, name: "2 of 3 dead, alike: 400", accounts: 3, ...dying([0, 2], gibberishUnder(400)) },
  { ...day, name: "2 of 3 dead, alike: 401", accounts: 3, ...dying([0, 2], gibberishUnder(401)) },
  { ...day, name: "2 of 3 dead, alike: 403", accounts: 3, ...dying([0, 2], gibberishUnder(403)) },
  { ...day, name: "19 of 20 dead, alike: 401", accounts: 20, ...dying(upTo(19), gibberishUnder(401)) },
];

const spentAccounts: readonly World[] = [
  { ...hour, name: "3 of 10 spent: 400", ...dying([1, 4, 7], gibberishUnder(400)) },
  { ...hour, name: "3 of 10 spent: 400, POSTs", method: "POST", ...dying([1, 4, 7], gibberishUnder(400)) },
  { ...hour, name: "3 of 10 spent: a bare 402", ...dying([1, 4, 7], withoutWords(402)) },
  { ...hour, name: "3 of 10 spent: 429", ...dying([1, 4, 7], gibberishUnder(429)) },
  {
    ...hour,
    name: "a model that 3 of 10 have not bought: 404",
    answering: refusing(gibberishUnder(404), (account, { model }) => account < 3 && model === "large"),
  },
];

const badRequests: readonly World[] = [
  { ...hour, name: "every 10th malformed: 400", answering: refusing(gibberishUnder(400), isTenth) },
  { ...hour, name: "every 10th flagged: 403", answering: refusing(gibberishUnder(403), isTenth) },
  { ...hour, name: "every 10th not permitted: 401", answering: refusing(gibberishUnder(401), isTenth) },
  { ...hour, name: "every 10th too dear: 429", answering: refusing(gibberishUnder(429), isTenth) },
  {
    ...hour,
    name: "every 3rd card declined: a bare 402, POSTs",
    method: "POST",
    answering: refusing(withoutWords(402), (_, { number }) => number % 3 === 0),
  },
  {
    ...hour,
    name: "3 % refused by chance: 400",
    isServable: () => true,
    answering: (random) => refusing(gibberishUnder(400), () => random() < 0.03)(random),
  },
  {
    ...hour,
    name: "1 of 10 dead, 3 without one model, every 10th malformed: all a bare 400",
    dead: [9],
    answering: refusing(
      withoutWords(400),
      (account, wish, now) => account === 9 || (account < 3 && wish.model === "large") || isTenth(account, wish, now),
    ),
  },
];

function isTenth(_: number, { luck }: Asked[1], __: number): boolean {
  return luck < 0.1;
}

/** In every ten minutes once: for one, two, three minutes and so on. */
const isDown = (now: number): boolean => now % (10 * minute) < (1 + Math.floor(now / (10 * minute))) * minute;
const page: Phrase = () => ({
  status: 403,
  body: "<!doctype html><title>Hold on</title><p>Ref 7f-2",
  type: "text/html",
});

const wallsForAll: readonly World[] = [
  {
    ...hour,
    name: "outages of 1 to 6 minutes: a bare 429",
    answering: refusing(withoutWords(429), (_, __, now) => isDown(now)),
  },
  {
    ...hour,
    name: "outages of 1 to 6 minutes: 401",
    answering: refusing(gibberishUnder(401), (_, __, now) => isDown(now)),
  },
  { ...hour, name: "the edge's page for 1 to 6 minutes: 403", answering: refusing(page, (_, __, now) => isDown(now)) },
  {
    ...hour,
    name: "the address may ask 40 times a minute, and does 60 times: a bare 429",
    isServable: () => true,
    answering: () => {
      const throttle = new Throttle(40, minute);
      return (_, __, now) => (throttle.admits(now) ? undefined : bare(429));
    },
  },
  {
    ...hour,
    name: "each of 10 may ask 5 times a minute, 60 are asked for: a bare 429",
    isServable: () => true,
    answering: () => {
      const throttles = upTo(10).map(() => new Throttle(5, minute));
      return (account, _, now) => (throttles[account]?.admits(now) ? undefined : bare(429));
    },
  },
];

export const worlds: readonly World[] = [...deadAccounts, ...spentAccounts, ...badRequests, ...wallsForAll];
