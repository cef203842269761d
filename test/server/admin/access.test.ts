import { describe, expect, it } from "vitest";
import { createRotatingFetch, InvalidOptionsError } from "../../../src/index.ts";
import type { AdminOptions } from "../../../src/server/admin/create-admin-handler.ts";
import { createAdminHandler } from "../../../src/server/admin/create-admin-handler.ts";
import { newSecret } from "../../support/test-keys.ts";
import { readToken, requestTo, rig, writeToken } from "./fixture.ts";

function refusalOf(options: Readonly<Record<string, unknown>>): InvalidOptionsError {
  try {
    rig({ admin: options as Partial<AdminOptions> });
  } catch (error) {
    if (InvalidOptionsError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("It was made");
}

describe("createAdminHandler", () => {
  it.each([[undefined], [[]], [null]])("is not made without a token: %j", (tokens) => {
    const { field, message } = refusalOf({ tokens });
    expect(field).toBe("tokens");
    expect(message).toMatch(/at least one token/);
  });

  it.each([
    ["an empty one, as of a variable that is not set", ""],
    ["a blank one", " ".repeat(20)],
    ["one that can be guessed", "0123456789abcde"],
    ["one with a space in it", "0123456789abcdef 0123"],
    ["one that no header can carry", "0123456789abcdefü"],
    ["something else", 17],
  ])("refuses %s, and does not repeat it", (_title, token) => {
    const { field, message } = refusalOf({ tokens: [writeToken, token] });
    expect(field).toBe("tokens[1]");
    if (typeof token === "string" && token.trim() !== "") expect(message).not.toContain(token);
  });

  it("refuses rights there are not, and a token given twice", () => {
    expect(refusalOf({ tokens: [{ token: writeToken, rights: "admin" }] }).field).toBe("tokens[0].rights");
    expect(refusalOf({ tokens: [{ token: writeToken }] }).field).toBe("tokens[0].rights");
    expect(refusalOf({ tokens: [writeToken, { token: writeToken, rights: "read" }] }).field).toBe("tokens[1]");
  });

  it.each([
    ["rotators", { rotators: {} }],
    ["rotators[0]", { rotators: { 1: "a key" } }],
    ["rotators[1]", { rotators: { 1: rig().rotator, 2: { snapshot: () => ({ keys: [] }) } } }],
    ["channelNames[0]", { channelNames: { 2: "other" } }],
    ["basePath", { basePath: "admin/" }],
    ["maxBodyBytes", { maxBodyBytes: 0 }],
    ["events", { events: -1 }],
    ["publicStatus", { publicStatus: "yes" }],
    ["clock", { clock: {} }],
    ["cors", { cors: true }],
  ])("names the option that cannot work: %s", (field, options) => {
    expect(refusalOf(options).field).toBe(field);
  });

  it("takes one token as it is, and the rotator of a fetch", async () => {
    const { rotator } = createRotatingFetch({ provider: "openai", keys: [newSecret()] });
    const handler = createAdminHandler({ rotators: rotator, tokens: writeToken });
    expect((await handler(requestTo("/api/channel/1/keys/stats"))).status).toBe(200);
  });
});

describe("tokens", () => {
  const flipped = (token: string): string => `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`;
  const headers: readonly (readonly [string, Record<string, string>])[] = [
    ["none", {}],
    ["one with another last character", { authorization: `Bearer ${flipped(writeToken)}` }],
    ["one that is a part of it", { authorization: `Bearer ${writeToken.slice(0, -1)}` }],
    ["one that begins with it", { authorization: `Bearer ${writeToken}0` }],
    ["one in another case", { authorization: `Bearer ${writeToken.toUpperCase()}x` }],
    ["an empty one", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${btoa(`admin:${writeToken}`)}` }],
    ["no scheme", { authorization: writeToken }],
    ["two of them", { authorization: `Bearer ${writeToken}, Bearer ${writeToken}` }],
    ["one in another header", { "x-api-key": writeToken }],
  ];

  it.each(headers)("are asked for: %s is answered with 401", async (_title, sent) => {
    const { ask, call } = rig();
    const answer = await ask("/api/keys", { token: null, headers: sent });
    expect(answer).toMatchObject({ status: 401, success: false, data: null, code: "unauthorized" });
    const response = await call("/api/keys", { token: null, headers: sent });
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer realm=/);
  });

  it("are not taken from the address", async () => {
    const { call } = rig();
    expect((await call(`/api/keys?token=${writeToken}`, { token: null })).status).toBe(401);
  });

  it("are found whatever the case of the scheme", async () => {
    const { call } = rig();
    expect((await call("/api/keys", { token: null, headers: { authorization: `bearer ${readToken}` } })).status).toBe(
      200,
    );
  });

  it.each([
    ["PUT", "/api/channel/multi-key/settings", { channel_id: 1, key_selection_mode: 0 }],
    ["POST", "/api/channel/keys/import", { channel_id: 1, keys: ["x"], mode: 0 }],
    ["POST", "/api/channel/keys/toggle", { channel_id: 1, key_index: 0, enabled: false }],
    ["POST", "/api/channel/keys/batch-toggle", { channel_id: 1, key_indices: [0], enabled: false }],
    ["POST", "/api/channel/keys/batch-toggle-by-batch", { channel_id: 1, batch_id: "b", enabled: false }],
    ["POST", "/api/keys", { keys: ["x"], mode: "replace" }],
    ["POST", "/api/keys/check", {}],
    ["PATCH", "/api/keys/0", { enabled: false }],
    ["DELETE", "/api/keys/0", undefined],
    ["PUT", "/api/keys/0/secret", { secret: "x" }],
    ["POST", "/api/keys/0/check", {}],
  ])("with the right to read change nothing: %s %s", async (method, path, body) => {
    const { ask, rotator } = rig();
    const before = await rotator.snapshot();
    expect(await ask(path, { method, body, token: readToken })).toMatchObject({ status: 403, code: "forbidden" });
    expect(await rotator.snapshot()).toEqual(before);
  });
});
