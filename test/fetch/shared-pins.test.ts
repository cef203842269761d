import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import { expectNoSecrets, FakeClock } from "../../src/testing/index.ts";
import { SharedStore } from "../pool/rotator/shared-store.ts";
import { newSecret } from "../testing/emulator/fixture.ts";
import { origin, post, type RigOptions, rig, type Sent } from "./fixture.ts";

const api = `${origin}/v1`;

/** An API whose batches and items only the key knows that made them; the key of pool `which` by place. */
function providerOf(secrets: readonly string[]) {
  const makers = new Map<string, string>();
  let made = 0;
  const asked: string[] = [];
  const answer = ({ url, init, headers }: Sent): Response => {
    const secret = (headers.get("authorization") ?? "").replace("Bearer ", "");
    expect(secrets).toContain(secret);
    asked.push(secret);
    const unknown = Response.json({ error: { message: "Not found.", type: "invalid_request_error" } }, { status: 404 });
    if (init.method === "POST" && url.endsWith("/batches")) {
      const id = `batch_${++made}abc`;
      makers.set(id, secret);
      return Response.json({ id, object: "batch" });
    }
    if (init.method === "POST") {
      const named = [...String(init.body).matchAll(/rs_\w+/g)].map(([id]) => id);
      if (named.some((id) => makers.get(id) !== secret)) return unknown;
      const id = `rs_${++made}item`;
      makers.set(id, secret);
      return Response.json({ id: `resp_${made}abc`, output: [{ type: "reasoning", id }] });
    }
    const id = url.split("/").pop() as string;
    return makers.get(id) === secret ? Response.json({ id, object: "batch" }) : unknown;
  };
  return { answer, asked, makers };
}

function world(pools: number, options: RigOptions | ((place: number) => RigOptions), keyCount = 3) {
  const secrets = Array.from({ length: keyCount }, newSecret);
  const provider = providerOf(secrets);
  const of = typeof options === "function" ? options : () => options;
  const fetches = Array.from({ length: pools }, (_, place) => {
    const made = rig(provider.answer, { provider: "openai", keys: secrets, maxWaitMs: 0, ...of(place) });
    return made.fetch;
  });
  return { ...provider, secrets, fetches };
}

const idOf = async (response: Response): Promise<string> => ((await response.json()) as { id: string }).id;

describe("what belongs to one account", () => {
  it("is found by every pool over the same store of one process", async () => {
    const { fetches, asked } = world(2, { store: new MemoryStore(), strategy: "random" });
    const [one, two] = fetches as [(typeof fetches)[0], (typeof fetches)[0]];
    for (let round = 0; round < 5; round++) {
      const id = await idOf(await one(`${api}/batches`, post("{}")));
      expect((await two(`${api}/batches/${id}`)).status).toBe(200);
    }
    expect(asked).toHaveLength(10);
  });

  it("is found by another process over a shared store, which holds no id that can be read", async () => {
    const clock = new FakeClock();
    const shared = new SharedStore(clock);
    const doors = [shared.door(), shared.door()];
    const { fetches, asked, secrets } = world(2, (place) => ({ store: doors[place] as never, clock }));
    const [one, two] = fetches as [(typeof fetches)[0], (typeof fetches)[0]];
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) ids.push(await idOf(await one(`${api}/batches`, post("{}"))));
    const puts = JSON.stringify(doors[0]?.pinned);
    expect(doors[0]?.pinned).toHaveLength(5);
    for (const id of ids) {
      expect((await two(`${api}/batches/${id}`)).status).toBe(200);
      expect(puts).not.toContain(id);
    }
    expectNoSecrets([puts], secrets);
    expect(asked).toHaveLength(10);
    const before = doors[1]?.pinsAsked;
    await two(`${api}/batches/${ids[0]}`);
    expect(doors[1]?.pinsAsked, "it is known here by now").toBe(before);
    await two(`${api}/chat/completions`, post());
    expect(doors[1]?.pinsAsked, "it names nothing").toBe(before);
  });

  it("is asked of other accounts where nobody knows whose it is, and known from then on", async () => {
    const { fetches, asked } = world(2, {}, 5);
    const [one, two] = fetches as [(typeof fetches)[0], (typeof fetches)[0]];
    await one(`${api}/warm-up`).catch(() => undefined);
    const id = await idOf(await one(`${api}/batches`, post("{}")));
    expect((await two(`${api}/batches/${id}`)).status).toBe(200);
    const after = asked.length;
    expect((await two(`${api}/batches/${id}`)).status).toBe(200);
    expect(asked.length - after).toBe(1);
    expect((await two.rotator.snapshot()).keys.every(({ state }) => state === "ready")).toBe(true);
  });

  it("is given up after nine accounts that do not know it", async () => {
    const { fetches, asked } = world(1, {}, 12);
    const [fetch] = fetches as [(typeof fetches)[0]];
    expect((await fetch(`${api}/batches/batch_nowhere`)).status).toBe(404);
    expect(new Set(asked).size).toBe(9);
    asked.length = 0;
    expect((await fetch(`${api}/models/none`)).status).toBe(404);
    expect(asked.length, "it is no id of theirs: a second opinion is enough").toBeLessThanOrEqual(2);
  });

  it("is found behind what an answer repeats of the request", async () => {
    const makers: string[] = [];
    const { fetch } = rig(
      ({ headers }) => {
        makers.push(headers.get("authorization") ?? "");
        return Response.json({
          id: "x",
          instructions: "y".repeat(60_000),
          output: [{ type: "reasoning", id: "rs_far1" }],
        });
      },
      { provider: "openai", keyCount: 3 },
    );
    await (await fetch(`${api}/responses`, post("{}"))).text();
    for (let turn = 0; turn < 3; turn++)
      await (await fetch(`${api}/responses`, post('{"input":[{"type":"item_reference","id":"rs_far1"}]}'))).text();
    expect(new Set(makers).size).toBe(1);
  });

  it("brings turns that name items of an earlier one to the account that made them", async () => {
    const { fetches, asked } = world(1, {});
    const [fetch] = fetches as [(typeof fetches)[0]];
    let input: unknown[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const response = await fetch(`${api}/responses`, post(JSON.stringify({ model: "m", input })));
      expect(response.status).toBe(200);
      input = ((await response.json()) as { output: unknown[] }).output;
    }
    expect(new Set(asked).size).toBe(1);
  });
});
