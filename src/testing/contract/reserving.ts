import type { Candidate } from "../../limits/store.ts";
import { check, checkEqual, checkNear } from "./assertions.ts";
import { type ContractSuite, candidate, concurrency, rolling, times, waitAfter } from "./contract-world.ts";

export function reservingContract({ test }: ContractSuite): void {
  test("gives the first candidate that has room", async (world) => {
    const first = candidate("a", rolling("a#requests", 1));
    const second = candidate("b", rolling("b#requests", 1));
    checkEqual((await world.granted([first, second])).index, 0, "index");
    checkEqual((await world.granted([first, second])).index, 1, "index once the first is full");
    const refusal = await world.refused([first, second]);
    checkEqual(
      refusal.blocked.map(({ index, by }) => [index, by]),
      [
        [0, "a#requests"],
        [1, "b#requests"],
      ],
      "blocked",
    );
  });

  test("passes over a candidate that is cooling", async (world) => {
    await world.cool("account:a", { forMs: 5000 });
    checkEqual((await world.granted([candidate("a"), candidate("b")])).index, 1, "index");
  });

  test("takes from every bucket or from none", async (world) => {
    const [wide, narrow] = [rolling("wide", 5), rolling("narrow", 1)];
    const both = candidate("a", wide, narrow);
    await world.granted(both);
    await world.refused(both);
    checkEqual((await world.bucket(wide)).used, 1, "what the wide bucket counts after a refusal by the narrow one");
  });

  test("takes nothing from any candidate when it refuses all", async (world) => {
    const buckets = [rolling("a#wide", 5), rolling("b#wide", 5)] as const;
    const full = concurrency("full", 1);
    await world.granted(candidate("c", full));
    await world.refused([candidate("a", buckets[0], full), candidate("b", buckets[1], full)]);
    for (const bucket of buckets) checkEqual((await world.bucket(bucket)).used, 0, `what ${bucket.id} counts`);
  });

  test("counts a bucket that two candidates share once for both", async (world) => {
    const shared = rolling("account#requests", 2);
    await world.granted(candidate("a", shared));
    await world.granted(candidate("b", shared));
    await world.refused([candidate("a", shared), candidate("b", shared)]);
  });

  test("grants exactly the limit to callers that come at once", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 5), concurrency("a#concurrency", 7));
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.reserve({ ...wanted })));
    checkEqual(answers.filter(({ granted }) => granted).length, 5, "granted reservations");
  });

  test("gives every reservation an id of its own", async (world) => {
    const reservations = [await world.granted(candidate("a")), await world.granted(candidate("a"))];
    check(new Set(reservations.map(({ id }) => id)).size === 2, "two reservations to have two ids");
  });

  test("takes of each bucket as much as was wanted of it", async (world) => {
    const wanted = candidate("a", rolling("a#many", 9), { bucket: rolling("a#tokens", 100, "tokens"), amount: 30 });
    await world.granted(wanted);
    const { buckets } = await world.store.read(
      [],
      wanted.needs.map(({ bucket }) => bucket),
    );
    checkEqual(
      buckets.map(({ left }) => left),
      [8, 70],
      "left",
    );
  });

  test("is ready again at once while there is room, and after the window when it took the last", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 2));
    const first = await world.granted(wanted);
    checkEqual(first.readyAt - first.reservedAt, 0, "readyAt - reservedAt while there is room");
    const last = await world.granted(wanted);
    const waitMs = times.windowMs + times.guardMs;
    checkNear(last.readyAt - last.reservedAt, waitMs, world.slackMs, "readyAt - reservedAt of the last");
  });

  test("tells for each candidate who refused it and until when", async (world) => {
    const limited = candidate("a", rolling("a#requests", 1));
    await world.granted(limited);
    await world.cool("account:b", { forMs: 3000 }, "authoritative");
    const refusal = await world.refused([limited, candidate("b")]);
    const [byLimit, byRest] = refusal.blocked;
    checkEqual([byLimit?.index, byLimit?.by], [0, "a#requests"], "the first one's refusal");
    checkEqual(byLimit?.source, undefined, "the source of a refusal by a limit");
    checkNear((byLimit?.until ?? 0) - refusal.now, 10_200, world.slackMs, "its time");
    checkEqual(
      [byRest?.index, byRest?.by, byRest?.source, byRest?.reason],
      [1, "account:b", "authoritative", "rate_limit"],
      "the second one's refusal",
    );
    checkNear((byRest?.until ?? 0) - refusal.now, 3000, world.slackMs, "its time");
  });

  test("names no time when only a release helps", async (world) => {
    const busy = candidate("a", concurrency("a#concurrency", 1));
    await world.granted(busy);
    const refusal = await world.refused(busy);
    checkEqual(refusal.blocked[0]?.until, null, "until");
    await world.cool("account:b", { forMs: 3000 });
    const mixed = await world.refused([busy, candidate("b")]);
    checkNear(waitAfter(mixed), 3000, world.slackMs, "the wait when another one has a time");
  });

  test("takes nothing on a dry run, and decides as it would", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1), concurrency("a#concurrency", 1));
    await world.granted(wanted, { dryRun: true });
    await world.granted(wanted, { dryRun: true });
    await world.granted(wanted);
    checkEqual((await world.refused(wanted, { dryRun: true })).blocked[0]?.by, "a#requests", "who refuses");
  });

  test("grants a candidate that needs nothing, and refuses when there is no candidate", async (world) => {
    await world.granted(candidate("a"));
    checkEqual((await world.refused([])).blocked, [], "blocked");
  });

  test("reads nothing into ids", async (world) => {
    const ids = ["__proto__", "constructor", "a:b|c#d", "a b\tc", "{a}", "*", "ключ", "a".repeat(300), "a", "A", ""];
    for (const id of ids) {
      const wanted: Candidate = { scopes: [`key:${id}`], needs: [{ bucket: rolling(id, 1), amount: 1 }] };
      await world.granted(wanted);
      checkEqual((await world.refused(wanted)).blocked[0]?.by, id, "the bucket that refused");
    }
    for (const id of ids) {
      const wanted: Candidate = { scopes: [id], needs: [] };
      await world.granted(wanted);
      await world.cool(id, { forMs: 1000 });
      checkEqual((await world.refused(wanted)).blocked[0]?.by, id, "the scope that refused");
    }
  });
}
