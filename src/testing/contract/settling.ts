import { check, checkEqual, checkNear } from "./assertions.ts";
import {
  type ContractSuite,
  candidate,
  change,
  concurrency,
  ladder,
  rolling,
  times,
  waitAfter,
} from "./contract-world.ts";

export function concurrencyContract({ test }: ContractSuite): void {
  test("holds a place until the reservation is settled", async (world) => {
    const wanted = candidate("a", concurrency("a#concurrency", 2));
    const first = await world.granted(wanted);
    await world.granted(wanted);
    await world.refused(wanted);
    await world.settle(first, { outcome: "failure" });
    await world.granted(wanted);
    await world.refused(wanted);
  });

  for (const report of [{ outcome: "aborted" }, { outcome: "failure", sent: "unknown" }] as const) {
    const { outcome } = report;
    test(`holds the place of a request that was given up for another guard (${outcome})`, async (world) => {
      const wanted = candidate("a", concurrency("a#concurrency", 1));
      await world.settle(await world.granted(wanted), report);
      const refusal = await world.refused(wanted);
      checkNear(waitAfter(refusal), times.guardMs, world.slackMs, "the wait for it");
      await world.freeAfter(times.guardMs, wanted);
    });
  }

  test("gives the place of what was never sent back at once", async (world) => {
    const wanted = candidate("a", concurrency("a#concurrency", 1));
    await world.settle(await world.granted(wanted), { outcome: "aborted", sent: "no" });
    await world.granted(wanted);
  });
}

export function settlingContract({ test }: ContractSuite): void {
  test("counts a reservation that is settled twice once", async (world) => {
    const bucket = rolling("a#tokens", 100, "tokens");
    const wanted = candidate("a", { bucket, amount: 60 }, concurrency("a#concurrency", 3));
    const first = await world.granted(wanted);
    await world.granted(candidate("a", concurrency("a#concurrency", 3)));
    const report = { amounts: { tokens: 50 } };
    await world.settle(first, report);
    await world.settle(first, report);
    await world.settle(first, { outcome: "failure", sent: "no" });
    checkEqual((await world.bucket(bucket)).used, 50, "tokens used");
    checkEqual((await world.bucket(concurrency("a#concurrency", 3))).used, 1, "places held");
  });

  test("gives back what was certainly not sent, and only that", async (world) => {
    const bucket = rolling("a#requests", 5);
    const [unsent, unsure, sent] = [
      await world.granted(candidate("a", bucket)),
      await world.granted(candidate("a", bucket)),
      await world.granted(candidate("a", bucket)),
    ] as const;
    await world.settle(unsent, { outcome: "failure", sent: "no" });
    await world.settle(unsure, { outcome: "failure", sent: "unknown" });
    await world.settle(sent, { outcome: "failure", sent: "yes" });
    checkEqual((await world.bucket(bucket)).used, 2, "requests used");
  });

  test("corrects each kind of tokens by what the answer told", async (world) => {
    const input = rolling("a#input", 1000, "inputTokens");
    const output = rolling("a#output", 1000, "outputTokens");
    const total = rolling("a#total", 1000, "tokens");
    const requests = rolling("a#requests", 1000);
    const wanted = candidate(
      "a",
      { bucket: input, amount: 100 },
      { bucket: output, amount: 200 },
      { bucket: total, amount: 300 },
      requests,
    );
    await world.settle(await world.granted(wanted), {
      amounts: { inputTokens: 70, outputTokens: 250, tokens: 320 },
    });
    const used = await Promise.all([input, output, total, requests].map((bucket) => world.bucket(bucket)));
    checkEqual(
      used.map((state) => state.used),
      [70, 250, 320, 1],
      "input, output, all tokens and requests used",
    );
  });

  test("gives back what was taken, though its candidate asks for another amount by now", async (world) => {
    const need = { bucket: rolling("a#tokens", 1000, "tokens"), amount: 200 };
    const wanted = { ...candidate("a"), needs: [need] };
    const unsent = await world.granted(wanted);
    need.amount = 30;
    await world.granted(wanted);
    await world.settle(unsent, { outcome: "failure", sent: "no" });
    checkEqual((await world.bucket(need.bucket)).used, 30, "tokens used");
  });

  test("keeps the estimate where the answer did not tell", async (world) => {
    const bucket = rolling("a#output", 1000, "outputTokens");
    const reservation = await world.granted(candidate("a", { bucket, amount: 200 }));
    await world.settle(reservation, { amounts: { inputTokens: 10 } });
    checkEqual((await world.bucket(bucket)).used, 200, "tokens used");
  });

  test("charges an overrun to what follows", async (world) => {
    const bucket = rolling("a#tokens", 100, "tokens");
    const reservation = await world.granted(candidate("a", { bucket, amount: 10 }));
    await world.settle(reservation, { amounts: { tokens: 130 } });
    await world.refused(candidate("a", { bucket, amount: 1 }));
    checkEqual((await world.bucket(bucket)).left, 0, "left");
  });

  test("charges an overrun from now on when its window is over", async (world) => {
    const bucket = rolling("a#tokens", 100, "tokens");
    const late = await world.granted(candidate("a", { bucket, amount: 10 }));
    await world.advance(times.windowMs * 2);
    await world.settle(late, { amounts: { tokens: 130 } });
    checkEqual((await world.bucket(bucket)).used, 120, "tokens used");
    await world.freeAfter(times.windowMs, candidate("a", { bucket, amount: 1 }));
  });

  test("settles several reservations in one call and applies what they decided", async (world) => {
    const wanted = candidate("a", concurrency("a#concurrency", 2));
    const reservations = [await world.granted(wanted), await world.granted(wanted)] as const;
    const states = await world.store.settle([
      { reservation: reservations[0], outcome: "success", sent: "yes" },
      {
        reservation: reservations[1],
        outcome: "failure",
        sent: "yes",
        cooldowns: [change("account:a", { forMs: 5000 }, "authoritative")],
      },
    ]);
    checkEqual((await world.bucket(concurrency("a#concurrency", 2))).used, 0, "places held");
    const state = states.find(({ scope }) => scope === "account:a");
    check(state !== undefined, "settle() to return the state of the scope it put into cooldown");
    checkNear(state.until - state.now, 5000, world.slackMs, "the cooldown that settle() tells of");
    checkNear(await world.restMs("account:a"), 5000, world.slackMs, "the cooldown");
  });

  test("applies the cooldowns of a report once", async (world) => {
    const reservation = await world.granted(candidate("a"));
    await world.advance(100);
    const report = {
      outcome: "failure",
      cooldowns: [change("account:a", ladder(reservation.reservedAt), "heuristic")],
    } as const;
    await world.settle(reservation, report);
    await world.settle(reservation, report);
    checkEqual((await world.state("account:a"))?.strikes, 1, "consecutive failures");
  });
}

export function readingContract({ test }: ContractSuite): void {
  test("leaves out scopes it does not know", async (world) => {
    await world.cool("account:b", { forMs: 5000 }, "operator");
    const { scopes, now } = await world.store.read(["account:a", "account:b"], []);
    checkEqual(
      scopes.map(({ scope, source, reason }) => [scope, source, reason]),
      [["account:b", "operator", "rate_limit"]],
      "scopes",
    );
    checkNear((scopes[0]?.until ?? 0) - now, 5000, world.slackMs, "the cooldown");
  });

  test("tells of buckets in the order asked, and takes nothing", async (world) => {
    const [used, unused] = [rolling("a#used", 5), rolling("a#unused", 7)];
    await world.granted(candidate("a", used));
    const { buckets } = await world.store.read([], [unused, used]);
    checkEqual(
      buckets.map((state) => [state.id, state.used, state.left]),
      [
        ["a#unused", 0, 7],
        ["a#used", 1, 4],
      ],
      "buckets",
    );
    checkEqual(buckets[0]?.resetInMs, null, "resetInMs of a bucket that counts nothing");
    checkNear(buckets[1]?.resetInMs, 10_200, world.slackMs, "resetInMs of the other");
  });
}
