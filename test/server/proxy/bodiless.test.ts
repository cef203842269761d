import { describe, expect, it } from "vitest";
import { createProxyHandler } from "../../../src/index.ts";
import { createNodeProxy, nodeHandlerOf } from "../../../src/node.ts";
import { newSecret } from "../../support/test-keys.ts";
import { askRaw } from "./client.ts";
import { faces, serving, startRig } from "./rig.ts";

/** The heads of two answers on one connection, of which the first has no body, and what follows the second. */
async function askTwice(origin: string, first: string, second: string, headers: string): Promise<string[]> {
  const requests = [first, second].map((line) => `${line} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
  const received = await askRaw(origin, requests.join(""), (text) => text.includes("served"));
  return received.split("\r\n\r\n");
}

const lengthIn = (head: string | undefined): string | undefined => /^content-length: (.*)$/im.exec(head ?? "")?.[1];

for (const face of faces) {
  describe(`an answer without a body, through ${face}`, () => {
    for (const [method, status, length] of [
      ["GET", 204, undefined],
      ["POST", 204, undefined],
      ["HEAD", 204, undefined],
      ["GET", 205, "0"],
      ["POST", 205, "0"],
      ["HEAD", 205, "0"],
      ["GET", 304, "11"],
      ["HEAD", 304, "11"],
      ["HEAD", 200, "11"],
    ] as const) {
      it(`announces none after ${method} and ${status}`, async () => {
        const rig = await startRig({ face });
        rig.upstream.behave("bare", (response) => {
          response.writeHead(status, { "content-type": "text/plain", "content-length": 11 }).end("hello world");
        });
        rig.upstream.behave("whole", (response) => void response.end("served"));
        const authorization = `Authorization: Bearer ${rig.token}\r\n`;
        const [head, next, body] = await askTwice(
          rig.origin,
          `${method} /bare/a`,
          "GET /whole/a",
          method === "POST" ? `${authorization}Content-Length: 0\r\n` : authorization,
        );
        expect([head?.slice(9, 12), lengthIn(head)]).toEqual([`${status}`, length]);
        expect(head).not.toMatch(/^transfer-encoding:/im);
        expect(next).toMatch(/^HTTP\/1\.1 200 /);
        expect(body).toContain("served");
      });
    }
  });
}

describe("an answer whose body somebody's fetch took away", () => {
  for (const face of ["fetch", "web"] as const) {
    it(`announces none, through ${face}`, async () => {
      const options = {
        keys: [newSecret()],
        target: "http://provider.test",
        authorize: "public",
        fetch: async (url: string | URL | Request) =>
          `${url}`.endsWith("/bare")
            ? new Response(null, { headers: { "content-length": "11" } })
            : new Response("served"),
      } as const;
      const handle = face === "web" ? nodeHandlerOf(createProxyHandler(options)) : createNodeProxy(options);
      const origin = await serving((request, response) => handle(request, response));
      const [head, next, body] = await askTwice(origin, "GET /bare", "GET /whole", "");
      expect(lengthIn(head)).toBe("0");
      expect(next).toMatch(/^HTTP\/1\.1 200 /);
      expect(body).toContain("served");
    });
  }
});

it("nodeHandlerOf announces no body of an answer that has none", async () => {
  const handle = nodeHandlerOf(async ({ url }) =>
    url.endsWith("/whole")
      ? new Response("served")
      : new Response(null, { status: 205, headers: { "content-length": "11" } }),
  );
  const origin = await serving((request, response) => handle(request, response));
  const [head, , body] = await askTwice(origin, "GET /bare", "GET /whole", "");
  expect(lengthIn(head)).toBe("0");
  expect(body).toContain("served");
});
