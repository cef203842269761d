import { describe, expect, it } from "vitest";
import { NodeCall } from "../../../src/server/node/node-call.ts";

function callWith(body: string | undefined, headers: Record<string, string> = { "content-type": "application/json" }) {
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const init = { method: "POST", headers, signal: new AbortController().signal, body: bytes };
  return new NodeCall("https://api.example.test/models/in-path:run", "https://api.example.test", init, undefined);
}

describe("NodeCall", () => {
  it("has the text of JSON, and of nothing else", () => {
    expect(callWith('{"a":"ä"}').text).toBe('{"a":"ä"}');
    expect(callWith("ä", { "content-type": "text/plain" }).text).toBeUndefined();
    expect(callWith("ä", {}).text).toBeUndefined();
    expect(callWith(undefined).text).toBeUndefined();
  });

  it("finds the model in its body, whatever its type, or where the provider has it in the path", () => {
    const call = callWith('{"model":"one","engine":"two"}', {});
    expect(call.findModel({})).toBe("one");
    expect(call.findModel({ modelField: "engine" })).toBe("two");
    expect(call.findModel({ modelInPath: ["/models/", ":"] })).toBe("in-path");
    expect(call.findModel({ modelInPath: ["/engines/", ":"] })).toBe("one");
    expect(callWith(undefined).findModel({})).toBeUndefined();
  });

  it("goes by the body that was made for it, where one was", () => {
    const call = callWith('{"model":"one"}');
    expect(call.text).toBe('{"model":"one"}');
    call.rebuilt = { body: '{"model":"two"}', replayable: true };
    expect(call.text).toBe('{"model":"two"}');
    expect(call.findModel({})).toBe("two");
    expect(call.body).toBe('{"model":"two"}');
  });

  it("tells its headers by their names", () => {
    const call = callWith("{}", { "content-type": "application/json", "x-one": "1" });
    expect(call.headerText("x-one")).toBe("1");
    expect(call.headerText("x-two")).toBeNull();
  });
});
