import { describe, expect, it } from "vitest";
import { newSecret } from "../testing/emulator/fixture.ts";
import { networkError, ok, post, type RigOptions, refusal, rig, type Sent } from "./fixture.ts";

const first = "https://first.test/v1";
const second = "https://second.test/v1";
const third = "https://third.test/v1";
const call = "https://llm.internal/v1/chat/completions";

const at = (baseURL: string, more: object = {}) => ({ secret: newSecret(), baseURL, ...more });
const hostOf = ({ url }: Sent): string => new URL(url).host.replace(".test", "");

/** A pool of several endpoints, by what those in trouble answer. */
function pool(
  troubles: Readonly<Record<string, (sent: Sent) => Response>>,
  keys: NonNullable<RigOptions["keys"]>,
  more: RigOptions = {},
) {
  const answer = (sent: Sent): Response => troubles[hostOf(sent)]?.(sent) ?? ok();
  const made = rig(answer, { keys, baseURL: "https://llm.internal/v1", strategy: "fill_first", ...more });
  return { ...made, hosts: () => made.sent.map(hostOf) };
}

const overloaded = (): Response => refusal(529, "overloaded");
const unavailable = (): Response => refusal(503);
const unreachable = (): Response => {
  throw networkError("ECONNREFUSED");
};

// The clock stands still: a pause would never end.
describe("an origin in trouble", () => {
  it.each([
    ["is overloaded", overloaded, "POST"],
    ["is unavailable", unavailable, "POST"],
    ["states a long wait", () => refusal(503, null, { "retry-after": "3600" }), "POST"],
    ["refuses connections", unreachable, "POST"],
    ["fails", () => refusal(500), "GET"],
    ["is a gateway without a host behind it", () => refusal(502), "GET"],
  ])("is left for another one at once when it %s, in whichever tier that is", async (_what, trouble, method) => {
    for (const priority of [0, 1]) {
      const { fetch, hosts } = pool({ first: trouble }, [at(first), at(first), at(second, { priority })]);
      const response = await fetch(call, method === "POST" ? post() : {});
      expect([response.status, hosts()]).toEqual([200, ["first", "second"]]);
    }
  });

  it("is not left by a request that may have run", async () => {
    const { fetch, hosts } = pool({ first: () => refusal(500) }, [at(first), at(second)]);
    expect((await fetch(call, post())).status).toBe(500);
    expect(hosts()).toEqual(["first"]);
  });

  it("is found behind any number of keys of its own", async () => {
    const keys = [...Array.from({ length: 200 }, () => at(first)), at(second)];
    const { fetch, hosts } = pool({ first: unreachable }, keys);
    for (let count = 0; count < 2; count++) expect((await fetch(call, post())).status).toBe(200);
    expect(hosts()).toEqual(["first", "second", "second"]);
  });

  it("is asked again, after pauses, only where no other is left", async () => {
    const { fetch, hosts, clock } = pool({ first: unavailable, second: unavailable, third: unavailable }, [
      at(first),
      at(second),
      at(third),
    ]);
    const answer = fetch(call, post());
    await clock.advance(0);
    expect(hosts()).toEqual(["first", "second", "third"]);
    await clock.advance(60_000);
    expect((await answer).status).toBe(503);
    expect(hosts().slice(3).length).toBeGreaterThan(0);
  });

  it("comes last until its time is over, and is then tried by one request before the others", async () => {
    let isDown = true;
    const { fetch, hosts, sent, clock } = pool({ first: () => (isDown ? unavailable() : ok()) }, [
      at(first),
      at(first),
      at(second, { priority: 1 }),
    ]);
    await fetch(call, post());
    await fetch(call, post());
    expect(hosts()).toEqual(["first", "second", "second"]);
    await clock.advance(2_000);
    isDown = false;
    sent.length = 0;
    await Promise.all([fetch(call, post()), fetch(call, post()), fetch(call, post())]);
    expect(hosts().sort()).toEqual(["first", "second", "second"]);
    sent.length = 0;
    await Promise.all([fetch(call, post()), fetch(call, post())]);
    expect(hosts()).toEqual(["first", "first"]);
  });

  it("is in trouble for a model alone where that is overloaded", async () => {
    const asks = (model: string): RequestInit => post(JSON.stringify({ model }));
    const isA = ({ init }: Sent): boolean => String(init.body).includes('"a"');
    const { fetch, hosts } = pool({ first: (sent) => (isA(sent) ? overloaded() : ok()) }, [at(first), at(second)]);
    for (const model of ["a", "a", "b"]) expect((await fetch(call, asks(model))).status).toBe(200);
    expect(hosts()).toEqual(["first", "second", "second", "first"]);
  });

  it("is left by a conversation too, which stays where it went", async () => {
    const { fetch, hosts } = pool({ first: unreachable }, [at(first), at(second), at(third, { priority: 1 })]);
    const session = fetch.with({ affinity: "one" });
    for (let count = 0; count < 3; count++) expect((await session(call, post())).status).toBe(200);
    const [, , ...later] = hosts();
    expect(new Set(later).size).toBe(1);
    expect(later).not.toContain("first");
  });

  it("is left by no more attempts than a call may make", async () => {
    const { fetch, hosts } = pool({ first: unavailable }, [at(first), at(second)], { maxAttempts: 1 });
    expect((await fetch(call, post())).status).toBe(503);
    expect(hosts()).toEqual(["first"]);
  });
});
