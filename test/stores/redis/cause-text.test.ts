import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { causeText } from "../../../src/stores/redis/cause-text.ts";

const secret = randomBytes(5).toString("hex");
const token = randomBytes(20).toString("hex");

describe("causeText", () => {
  const said: [message: string, text: string][] = [
    ["connect ECONNREFUSED 127.0.0.1:6379", "connect ECONNREFUSED 127.0.0.1:6379"],
    [
      "WRONGPASS invalid username-password pair or user is disabled.",
      "WRONGPASS invalid username-password pair or user is disabled.",
    ],
    [
      `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '${secret}' `,
      "ERR unknown command 'HELLO'",
    ],
    [`fetch failed: https://me:${secret}@redis.test/x`, "fetch failed: https://redis.test/x"],
    [`GET https://redis.test/get?token=${secret} failed`, "GET https://redis.test/get failed"],
    [`401 for Bearer ${secret}`, "401 for Bearer …"],
    [`unknown token ${token}`, "unknown token …"],
    ["first line\nsecond line", "first line"],
  ];
  for (const [message, text] of said) {
    it(`makes "${text}" of what went wrong`, () => {
      expect(causeText(new Error(message))).toBe(text);
    });
  }

  it("finds words where an error has none of its own", () => {
    const several = new AggregateError([new Error("connect ECONNREFUSED ::1:6379"), new Error("other")], "");
    expect(causeText(several)).toBe("connect ECONNREFUSED ::1:6379");
    expect(causeText(Object.assign(new Error(""), { code: "ECONNRESET" }))).toBe("ECONNRESET");
    expect(causeText({ password: secret })).toBe("The client failed without saying why");
  });

  it("is short, and says how the client stands", () => {
    expect(causeText(new Error("long ".repeat(100))).length).toBeLessThan(210);
    expect(causeText(new Error("No answer within 50 ms"), "reconnecting")).toBe(
      "No answer within 50 ms (the client is reconnecting)",
    );
  });
});
