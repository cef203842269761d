import { describe, expect, it } from "vitest";
import { EventHub } from "../../src/pool/events.ts";
import { nextMacrotask } from "../../src/testing/next-macrotask.ts";
import type { Logger } from "../../src/types.ts";

function recordingLogger() {
  const lines: { level: string; message: string; details: unknown }[] = [];
  const at = (level: string) => (message: string, details?: object) => lines.push({ level, message, details });
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

describe("EventHub", () => {
  it("hands an event to those who listen for it, once or always, until they stop", () => {
    const hub = new EventHub(undefined);
    const heard: string[] = [];
    const always = ({ keyId }: { keyId: string }) => heard.push(`always ${keyId}`);
    hub.on("key-added", always);
    hub.once("key-added", ({ keyId }) => heard.push(`once ${keyId}`));
    hub.emit("key-added", { keyId: "a" });
    hub.emit("key-added", { keyId: "b" });
    hub.off("key-added", always);
    hub.emit("key-added", { keyId: "c" });
    expect(heard).toEqual(["always a", "once a", "always b"]);
  });

  it.each(["on", "once", "off"] as const)(
    "refuses, in %s, events that there are not and listeners that are none",
    (method) => {
      const hub = new EventHub(undefined);
      const ask = (name: unknown, listener: unknown) => () => hub[method](name as "key-added", listener as () => void);
      expect(ask("key-cool", () => {})).toThrow(
        /^Expected `event` to be one of .*, got `key-cool` \(string\); did you mean `key-cooled`\?$/,
      );
      expect(ask(undefined, () => {})).toThrow(/^Expected `event` to be one of .*, got `undefined`$/);
      expect(ask("key-added", undefined)).toThrow("Expected `listener` to be a function, got `undefined`");
      expect(hub.wants("key-added")).toBe(false);
    },
  );

  it("tells whether anybody wants an event", () => {
    const hub = new EventHub(undefined);
    const listener = () => {};
    expect(hub.wants("key-added")).toBe(false);
    hub.on("key-added", listener);
    expect([hub.wants("key-added"), hub.wants("key-removed")]).toEqual([true, false]);
    hub.off("key-added", listener);
    expect(hub.wants("key-added")).toBe(false);
    expect(new EventHub(recordingLogger().logger).wants("key-removed")).toBe(true);
  });

  it("keeps a listener's throw to itself, tells the logger, and goes on to the next listener", () => {
    const { lines, logger } = recordingLogger();
    const hub = new EventHub(logger);
    const heard: string[] = [];
    hub.on("key-added", () => {
      throw new Error("a metrics bug");
    });
    hub.on("key-added", ({ keyId }) => heard.push(keyId));
    hub.emit("key-added", { keyId: "a" });
    expect(heard).toEqual(["a"]);
    expect(lines.find(({ message }) => message === "listener-failed")).toMatchObject({
      level: "error",
      details: { event: "key-added", error: { message: "a metrics bug" } },
    });
  });

  it("keeps a listener's rejection from becoming an unhandled one", async () => {
    const { lines, logger } = recordingLogger();
    const hub = new EventHub(logger);
    hub.on("key-added", async () => {
      throw new Error("a late metrics bug");
    });
    hub.emit("key-added", { keyId: "a" });
    await nextMacrotask();
    expect(lines.at(-1)).toMatchObject({
      message: "listener-failed",
      details: { error: { message: "a late metrics bug" } },
    });
  });

  it("survives a logger that throws", () => {
    const fail = () => {
      throw new Error("no disk space");
    };
    const broken: Logger = { debug: fail, info: fail, warn: fail, error: fail };
    const hub = new EventHub(broken);
    const heard: string[] = [];
    hub.on("key-added", ({ keyId }) => {
      heard.push(keyId);
      throw new Error("and a listener");
    });
    expect(() => hub.emit("key-added", { keyId: "a" })).not.toThrow();
    expect(heard).toEqual(["a"]);
  });

  it("writes failures louder than the daily round", () => {
    const { lines, logger } = recordingLogger();
    const hub = new EventHub(logger);
    hub.emit("key-added", { keyId: "a" });
    hub.emit("key-disabled", { keyId: "a", reason: "operator" });
    hub.emit("internal-error", { part: "store", error: new Error("gone") });
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      "info key-added",
      "warn key-disabled",
      "error internal-error",
    ]);
  });
});
