import { type Case, expectEqual, expectTrue, reasonOf } from "./case-context.ts";

/** The most arrivals in any span of a second, its end left out. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));
}

export const waits: readonly Case[] = [
  {
    name: "an abort before the headers rejects at once with the signal's own reason, and reaches the provider",
    async run(context) {
      const url = context.url("hang");
      const controller = new AbortController();
      const rejected = reasonOf(context.rotating()(url, { signal: controller.signal }));
      await context.arrived(url);
      const reason = new Error("the user left");
      controller.abort(reason);
      expectTrue((await rejected) === reason, `the signal's own reason, got ${String(await rejected)}`);
      await context.closed(url);
    },
  },
  {
    name: "an abort during a wait for a key rejects at once with the signal's own reason",
    async run(context) {
      const url = context.url("echo");
      const rotating = context.rotating({ roles: ["limited"], maxWaitMs: 60_000 });
      const queued = new Promise<void>((resolve) => rotating.rotator.once("request-queued", () => resolve()));
      const controller = new AbortController();
      const rejected = reasonOf(rotating(url, { signal: controller.signal }));
      await queued;
      const reason = new Error("the user left");
      controller.abort(reason);
      expectTrue((await rejected) === reason, `the signal's own reason, got ${String(await rejected)}`);
      expectEqual(await context.roles(url), ["limited"], "the keys that arrived");
    },
  },
  {
    name: "a signal that was aborted before is heeded before anything is sent",
    async run(context) {
      const url = context.url("echo");
      const reason = new Error("the user left");
      const rejected = await reasonOf(context.rotating()(url, { signal: AbortSignal.abort(reason) }));
      expectTrue(rejected === reason, `the signal's own reason, got ${String(rejected)}`);
      expectEqual(await context.arrivals(url), [], "what arrived");
    },
  },
  {
    name: "totalTimeoutMs ends a call that gets no answer",
    async run(context) {
      const url = context.url("hang");
      const rejected = (await reasonOf(context.rotating({ totalTimeoutMs: 100 })(url))) as Error;
      expectEqual(rejected.name, "TimeoutError", "the error's name");
      await context.closed(url);
    },
  },
  {
    name: "totalTimeoutMs leaves an answer that came in time alone",
    async run(context) {
      const response = await context.rotating({ totalTimeoutMs: 30_000 })(context.url("echo"));
      expectEqual(await response.json(), { role: "good", method: "GET" }, "the answer");
    },
  },
  {
    name: "an exhausted pool answers with the provider's 429, when to come back, and that repeating is no use",
    async run(context) {
      const response = await context.rotating({ roles: ["limited"] })(context.url("echo"));
      expectEqual(response.status, 429, "the status");
      const retryAfter = Number(response.headers.get("retry-after"));
      expectTrue(retryAfter >= 25 && retryAfter <= 31, `a retry-after of about 30 seconds, got ${retryAfter}`);
      expectEqual(response.headers.get("x-should-retry"), "false", "x-should-retry");
      const { error } = (await response.json()) as { error: { code: string } };
      expectEqual(error.code, "rate_limit_exceeded", "the error's code");
    },
  },
  {
    name: "a key that frees in a second is waited for inside the call",
    async run(context) {
      const url = context.url("frees");
      const response = await context.rotating()(url, { method: "POST", body: "{}" });
      expectEqual(await response.json(), { role: "good", method: "POST" }, "the answer");
      const times = (await context.arrivals(url)).map(({ atMs }) => atMs);
      expectEqual(times.length, 2, "the number of arrivals");
      const waitedMs = (times[1] as number) - (times[0] as number);
      expectTrue(waitedMs >= 990, `a second between both, got ${waitedMs} ms`);
    },
  },
  {
    name: "a declared limit of 2 a second holds for 6 calls in a row",
    async run(context) {
      const url = context.url("echo");
      const rotating = context.rotating({ limits: [{ requests: 2, per: "second" }], guardMs: 200 });
      for (let call = 0; call < 6; call++) {
        const response = await rotating(url);
        expectEqual(await response.json(), { role: "good", method: "GET" }, "the answer");
      }
      const times = (await context.arrivals(url)).map(({ atMs }) => atMs);
      expectEqual(times.length, 6, "the number of arrivals");
      expectEqual(mostInASecond(times), 2, "the most arrivals in any second");
    },
  },
];
