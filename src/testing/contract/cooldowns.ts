import type { CooldownSource } from "../../types.ts";
import { check, checkEqual, checkNear } from "./assertions.ts";
import { type ContractSuite, type ContractWorld, candidate, change, ladder, rolling } from "./contract-world.ts";

const scope = "account:a";
const key = candidate("a");

/** A refusal that names no time, to an attempt that begins now and fails a millisecond later. */
async function refuse(world: ContractWorld, wanted = key): Promise<number> {
  const reservation = await world.granted(wanted);
  await world.advance(1);
  await world.settle(reservation, {
    outcome: "failure",
    cooldowns: [change(scope, ladder(reservation.reservedAt), "heuristic")],
  });
  return world.restMs(scope);
}

export function cooldownContract({ test }: ContractSuite): void {
  test("refuses a scope it never heard of until the end of its cooldown, not longer", async (world) => {
    const states = await world.store.cooldown([change(scope, { forMs: 5000 }, "authoritative")]);
    checkEqual(
      states.map((state) => [state.scope, state.source, state.reason]),
      [[scope, "authoritative", "rate_limit"]],
      "what cooldown() returns",
    );
    await world.freeAfter(5000, key);
  });

  test("refuses every candidate in the scope and no other", async (world) => {
    await world.cool("account:shared", { forMs: 5000 });
    const inAccount = (id: string) => ({ ...candidate(id), scopes: [`key:${id}`, "account:shared"] });
    await world.refused([inAccount("a"), inAccount("b")]);
    await world.granted(candidate("c"));
  });

  test("never shortens a cooldown by a later, shorter one", async (world) => {
    await world.cool(scope, { forMs: 9000 }, "authoritative");
    await world.advance(1000);
    await world.cool(scope, { forMs: 2000 }, "authoritative");
    await world.cool(scope, { forMs: 0 }, "authoritative");
    checkNear(await world.restMs(scope), 8000, world.slackMs, "the cooldown");
  });

  test("lengthens a cooldown by a later, longer one", async (world) => {
    await world.cool(scope, { forMs: 2000 }, "authoritative");
    await world.cool(scope, { forMs: 9000 }, "authoritative");
    checkNear(await world.restMs(scope), 9000, world.slackMs, "the cooldown");
  });

  test("cools down longer with every failure in a row, up to the longest", async (world) => {
    for (const expectedMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      checkNear(await refuse(world), expectedMs, world.slackMs, "the cooldown");
      await world.advance(expectedMs + world.slackMs);
    }
  });

  test("jitters a step upwards by at most its share", async (world) => {
    const rests: number[] = [];
    for (let place = 0; place < 12; place++) {
      await world.cool(`key:${place}`, ladder(0, { jitter: 0.5 }));
      rests.push(await world.restMs(`key:${place}`));
    }
    check(
      rests.every((restMs) => restMs >= 1000 - world.slackMs - 1 && restMs <= 1501),
      `cooldowns from 1000 to 1500 ms, got ${rests}`,
    );
    check(new Set(rests.map(Math.round)).size > 3, `cooldowns that differ, got ${rests}`);
  });

  test("does not climb for attempts that had begun before the rest did", async (world) => {
    const attempts = [await world.granted(key), await world.granted(key), await world.granted(key)];
    await world.advance(100);
    for (const reservation of attempts) {
      await world.settle(reservation, {
        outcome: "failure",
        cooldowns: [change(scope, ladder(reservation.reservedAt), "heuristic")],
      });
    }
    checkEqual((await world.state(scope))?.strikes, 1, "consecutive failures");
    checkNear(await world.restMs(scope), 1000, world.slackMs, "the cooldown");
  });

  test("remembers consecutive failures beyond the end of the cooldown", async (world) => {
    await refuse(world);
    await world.advance(60_000);
    checkNear(await refuse(world), 2000, world.slackMs, "the cooldown after the second refusal");
  });

  test("forgets consecutive failures after a success", async (world) => {
    await refuse(world);
    await world.advance(2000);
    await refuse(world);
    await world.advance(4000);
    const states = await world.settle(await world.granted(key));
    checkEqual(
      states.find((state) => state.scope === scope)?.strikes,
      0,
      "consecutive failures that settle() tells of",
    );
    checkNear(await refuse(world), 1000, world.slackMs, "the cooldown after the next refusal");
  });

  test("learns nothing from the success of an attempt that began before the rest", async (world) => {
    const early = await world.granted(key);
    await world.advance(100);
    await refuse(world);
    await world.settle(early);
    await world.refused(key);
    checkEqual((await world.state(scope))?.strikes, 1, "consecutive failures");
  });

  for (const source of ["heuristic", "credit"] as const satisfies readonly CooldownSource[]) {
    test(`ends a ${source} rest early on anybody's word`, async (world) => {
      await world.cool(scope, { forMs: 9000 }, source);
      await world.cool(scope, "end", "heuristic");
      await world.granted(key);
    });
  }

  for (const source of ["authoritative", "operator"] as const satisfies readonly CooldownSource[]) {
    test(`ends a cooldown whose source is ${source} early only on an operator's word`, async (world) => {
      await world.cool(scope, { forMs: 9000 }, source);
      for (const other of ["heuristic", "credit", "authoritative"] as const) await world.cool(scope, "end", other);
      await world.refused(key);
      await world.cool(scope, "end", "operator");
      await world.granted(key);
    });
  }

  test("lets no guess loosen what a provider stated", async (world) => {
    await world.cool(scope, { forMs: 5000 }, "authoritative");
    await world.cool(scope, { forMs: 9000 }, "heuristic");
    await world.cool(scope, "end", "heuristic");
    await world.refused(key, { purpose: "probe" });
    await world.refused(key);
  });

  test("clears consecutive failures on an operator's word", async (world) => {
    await refuse(world);
    await world.advance(2000);
    await refuse(world);
    await world.cool(scope, "end", "operator");
    checkEqual((await world.state(scope))?.strikes, 0, "consecutive failures");
    await world.advance(1);
    checkNear(await refuse(world), 1000, world.slackMs, "the cooldown after the next refusal");
  });

  test("has nothing to end where nothing cools down", async (world) => {
    await world.cool(scope, "end", "operator");
    await world.granted(key);
  });
}

export function probeContract({ test }: ContractSuite): void {
  const probe = { purpose: "probe", leaseMs: 4000 } as const;

  test("lets a probe past a guess and past missing credit", async (world) => {
    await world.cool("account:a", { forMs: 9000 }, "heuristic");
    await world.cool("account:b", { forMs: 9000 }, "credit");
    await world.granted(candidate("a"), probe);
    await world.granted(candidate("b"), probe);
  });

  test("stops a probe at what a provider or an operator said", async (world) => {
    await world.cool("account:a", { forMs: 9000 }, "authoritative");
    await world.cool("account:b", { forMs: 9000 }, "operator");
    await world.refused([candidate("a"), candidate("b")], probe);
  });

  test("stops a probe at a full bucket", async (world) => {
    const wanted = candidate("a", rolling("a#requests", 1));
    await world.granted(wanted);
    await world.cool(scope, { forMs: 9000 });
    await world.refused(wanted, probe);
  });

  test("lets one probe at a time past a cooldown, and no request meanwhile", async (world) => {
    await world.cool(scope, { forMs: 9000 });
    const answers = await Promise.all([1, 2, 3].map(() => world.reserve(candidate("a"), probe)));
    checkEqual(answers.filter(({ granted }) => granted).length, 1, "granted probes");
    await world.refused(key);
  });

  test("lets the next probe go when the one before is settled", async (world) => {
    await world.cool(scope, { forMs: 9000 });
    await world.settle(await world.granted(key, probe), { outcome: "aborted" });
    await world.granted(key, probe);
    await world.refused(key, probe);
  });

  test("ends the rest when a probe succeeds", async (world) => {
    await world.cool(scope, { forMs: 9000 });
    await world.advance(1);
    const states = await world.settle(await world.granted(key, probe));
    const state = states.find((each) => each.scope === scope);
    check(state !== undefined && state.until <= state.now, "settle() to tell that the rest has ended");
    await world.granted(key);
  });

  test("keeps the rest when a probe fails", async (world) => {
    await world.cool(scope, { forMs: 9000 });
    await world.settle(await world.granted(key, probe), { outcome: "failure" });
    await world.refused(key);
  });

  test("claims nothing on a dry run", async (world) => {
    await world.cool(scope, { forMs: 9000 });
    await world.granted(key, { ...probe, dryRun: true });
    await world.granted(key, probe);
  });
}
