import { describe, expect, it } from "vitest";
import { type CredentialPlace, createProviderEmulator } from "../../../src/testing/index.ts";
import { newSecret } from "./fixture.ts";

const origin = "https://api.example.test";

function setUp(credential?: CredentialPlace | CredentialPlace[]) {
  const secret = newSecret();
  const emulator = createProviderEmulator({ keys: [secret], credential });
  const send = async (headers: Record<string, string>, path = "/echo") => {
    const response = await emulator.handle(new Request(`${origin}${path}`, { headers }));
    return { status: response.status, body: await response.json() };
  };
  return { secret, emulator, send };
}

describe("the emulator's `credential`", () => {
  it("takes the key from a header of the test's own, and from nowhere else", async () => {
    const { secret, send } = setUp({ header: "X-Relay-Token" });
    const taken = await send({ "x-relay-token": secret });
    expect([taken.status, taken.body.headers["x-relay-token"]]).toEqual([200, "<credential>"]);
    expect((await send({ authorization: `Bearer ${secret}` })).status).toBe(401);
    expect((await send({}, `/echo?key=${secret}`)).status).toBe(401);
  });

  it("wants the scheme where there is one, in any case", async () => {
    const { secret, send } = setUp({ header: "authorization", scheme: "Token" });
    const taken = await send({ authorization: `token ${secret}` });
    expect([taken.status, taken.body.headers.authorization]).toEqual([200, "token <credential>"]);
    expect((await send({ authorization: `Bearer ${secret}` })).status).toBe(401);
    expect((await send({ authorization: secret })).status).toBe(401);
  });

  it("looks in several places, and shows none of their secrets", async () => {
    const { secret, emulator, send } = setUp([{ header: "x-token" }, { query: "api token" }]);
    const path = `/echo?a=1&api%20token=${secret}&b=2`;
    const taken = await send({ "x-api-key": secret }, path);
    expect([taken.status, taken.body.path]).toEqual([200, "/echo?a=1&api%20token=<credential>&b=2"]);
    expect(JSON.stringify(taken.body)).not.toContain(secret);
    expect(emulator.arrivals[0]?.path).not.toContain(secret);
    expect((await send({ "x-token": "other" }, path)).status).toBe(401);
  });

  it("hides a secret that stands alone where a scheme is usual", async () => {
    const { secret, send } = setUp([{ header: "authorization" }]);
    const { body } = await send({ authorization: secret });
    expect(body.headers.authorization).toBe("<credential>");
  });
});
