import { describe, expect, it } from "vitest";
import { createProxyHandler, type ProxyOptions } from "../../../src/index.ts";
import { newSecret } from "../../support/test-keys.ts";

/** A proxy of four keys, and which of them served. */
function proxy(options: Partial<ProxyOptions> = {}, answer: (place: number) => Response = () => Response.json({})) {
  const secrets = Array.from({ length: 4 }, newSecret);
  const served: number[] = [];
  const handle = createProxyHandler({
    provider: "anthropic",
    target: "http://provider.test/v1",
    keys: secrets,
    authorize: "public",
    fetch: async (_url, init) => {
      const place = secrets.indexOf(new Headers(init?.headers).get("x-api-key") ?? "");
      served.push(place);
      return answer(place);
    },
    ...options,
  });
  const ask = (headers: Record<string, string>) =>
    handle(new Request("http://proxy.test/messages", { method: "POST", headers, body: "{}" }));
  return { ask, served };
}

describe("a proxy's clients", () => {
  it.each(["x-claude-code-session-id", "session-id", "session_id", "x-session-affinity"])(
    "keep a session that they name in %s on one account, and its prompt in that account's cache",
    async (header) => {
      const { ask, served } = proxy();
      for (const session of ["one", "two", "three", "one", "two", "three", "one"]) await ask({ [header]: session });
      const [one, two, three, ...rest] = served;
      expect(rest).toEqual([one, two, three, one]);
    },
  );

  it("go in turn without one, and with what no client would send", async () => {
    const { ask, served } = proxy();
    for (let count = 0; count < 4; count++) await ask({});
    for (let count = 0; count < 4; count++) await ask({ "session-id": "x".repeat(5000) });
    expect(served).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it("are moved to another account when the session's refuses, whatever it says", async () => {
    let refuses: number | undefined;
    const { ask, served } = proxy({ retries: 0 }, (place) =>
      place === refuses ? Response.json({ note: "strange words" }, { status: 433 }) : Response.json({}),
    );
    await ask({ "session-id": "mine" });
    refuses = served[0];
    expect((await ask({ "session-id": "mine" })).status).toBe(200);
  });

  it("belong to what the host says, where it says something", async () => {
    const { ask, served } = proxy({ affinity: ({ headers }) => headers.get("x-user") ?? undefined });
    for (const session of ["a", "b", "c", "d"]) await ask({ "x-user": "same", "session-id": session });
    expect(new Set(served).size).toBe(1);
  });
});
