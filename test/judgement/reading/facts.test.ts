import { describe, expect, it } from "vitest";
import { organizationIn } from "../../../src/judgement/learning/account-inference.ts";

const none = { get: () => null };

describe("organizationIn", () => {
  it("reads an organization from headers and from the provider's words, and from nothing else", () => {
    expect(organizationIn({ get: (name) => (name === "openai-organization" ? "acme" : null) }, null)).toBe("acme");
    expect(organizationIn(none, "Rate limit reached for m in organization org-abc123 on tokens")).toBe("org-abc123");
    expect(organizationIn(none, "Rate limit reached in organization settings")).toBeNull();
    expect(organizationIn(none, null)).toBeNull();
  });
});
