import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { below, confinedPath, pathIn } from "../../../src/server/proxy/proxy-path.ts";

describe("pathIn", () => {
  it.each([
    ["/a?b=1#c", "/a", "?b=1"],
    ["?x", "/", "?x"],
    ["", "/", ""],
    ["http://host.test/a?b", "/a", "?b"],
    ["HTTPS://user@host.test:1?b", "/", "?b"],
    ["/a#?b", "/a", ""],
  ])("takes %j apart", (requested, path, query) => {
    expect(pathIn(requested)).toEqual({ path, query });
  });

  it.each(["*", "a/b", "host.test:443", "\\a"])("finds none in %j", (requested) => {
    expect(pathIn(requested)).toBeUndefined();
  });
});

describe("confinedPath", () => {
  it("stays below whatever it is put behind, however often servers decode it", () => {
    const piece = fc.constantFrom(
      "/",
      "\\",
      ".",
      "..",
      "%2e",
      "%2E",
      "%252e",
      "%25252e",
      "%2f",
      "%5c",
      ";",
      "a",
      "%00",
      "%",
      "25",
      "2e",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = confinedPath(`/${pieces.join("")}`);
        if (path === undefined) return;
        for (let decoded = path, round = 0; round < 3; round++) {
          const { origin, pathname } = new URL(`http://target.test/base${decoded}`);
          expect([origin, pathname.startsWith("/base/")]).toEqual(["http://target.test", true]);
          decoded = decoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
            String.fromCharCode(Number.parseInt(hex, 16)),
          );
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    "/v1/models/a.b..c",
    "/v1/...",
    "/v1/a%20b",
    "/v1/%E6%A8%A1",
    "/v1/a:generate",
    "/v1//a/",
    "/v1/100%25",
    "/v1/%2525",
  ])("leaves %j as it is", (path) => {
    expect(confinedPath(path)).toBe(path);
  });
});

describe("below", () => {
  it.each([
    ["/llm/a", "/a"],
    ["/llm", "/"],
    ["/llm/", "/"],
    ["/llmx", undefined],
    ["/x/llm", undefined],
  ])("takes /llm off %j", (path, rest) => {
    expect(below(path, "/llm")).toBe(rest);
  });
});
