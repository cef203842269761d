import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { expectNoSecrets } from "../../../src/testing/index.ts";
import { ask, askRaw, open } from "./client.ts";
import { faces, type Rig, serving, startRig } from "./rig.ts";

const statusOf = (received: string): number => Number(/^HTTP\/1\.[01] (\d{3})/.exec(received)?.[1] ?? 0);
const statusesOf = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** A request as bytes, with a token unless a line says otherwise. */
function requestOf(rig: Rig, start: string, lines: readonly string[] = [], body = ""): string {
  const credential = lines.some((line) => /^authorization/i.test(line)) ? [] : [`Authorization: Bearer ${rig.token}`];
  return [`${start} HTTP/1.1`, "Host: proxy.test", "Connection: close", ...credential, ...lines, "", body].join("\r\n");
}

/** Somebody else's server, which must never see a key. It tells what it was sent. */
async function evilServer(): Promise<{ readonly host: string; readonly seen: string[] }> {
  const seen: string[] = [];
  const origin = await serving((request, response) => {
    seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.end("evil");
  });
  return { host: new URL(origin).host, seen };
}

/** A provider that sends what it is told to, byte by byte. */
async function rawProvider(answer: (request: string, socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: TcpServer = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (received.includes("\r\n\r\n")) answer(received, socket);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(faces)("createProxyHandler and createNodeProxy (%s)", (face) => {
  describe("paths", () => {
    const escapes = [
      "/../secret",
      "/a/../../secret",
      "/..",
      "/./../secret",
      "/%2e%2e/secret",
      "/%2E%2e/secret",
      "/.%2e/secret",
      "/a/%2e%2e%2f%2e%2e/secret",
      "/%252e%252e/secret",
      "/%25252e%25252e/secret",
      "/..%2fsecret",
      "/%2f..%2fsecret",
      "/..%5csecret",
      "/..\\secret",
      "/a\\..\\..\\secret",
      "/..;/secret",
      "/..;a=b/secret",
      "/%2e%2e;/secret",
      "/..%00/secret",
      "/%00/secret",
      "/a%0d%0aX-Evil:%201",
      "/%c0%ae%c0%ae/secret",
      "/%25c0%25ae%25c0%25ae/secret",
      "/%2e%252e/secret/%25",
      "/..%09/secret",
      "/..%20/secret",
      "/%ff",
      "/%",
    ];

    it.each(escapes)("is not led out of the target by %s", async (path) => {
      const rig = await startRig({ face });
      const received = await askRaw(rig.origin, requestOf(rig, `GET ${path}`));
      for (const { url, role } of rig.upstream.arrivals) {
        // A platform may have resolved it before it came to us: what is left then lies below the target.
        expect(role).toBe("good");
        expect(url).toMatch(/^\/v1\/(secret)?$/);
      }
      if (rig.upstream.arrivals.length === 0) expect(statusOf(received)).toBe(400);
      expect(received).not.toMatch(/x-evil/i);
    });

    it.each(["//EVIL/secret", "///EVIL/secret", "/\\EVIL/secret", "/%2fEVIL", "/%5c%5cEVIL", "/@EVIL", "/:80@EVIL/"])(
      "stays at the provider when asked for %s",
      async (path) => {
        const rig = await startRig({ face });
        const evil = await evilServer();
        await askRaw(rig.origin, requestOf(rig, `GET ${path.replace("EVIL", evil.host)}`));
        expect(evil.seen).toEqual([]);
        for (const { url } of rig.upstream.arrivals) expect(url).toMatch(/^\/v1\//);
      },
    );

    it("takes path and query of a request line with a whole URL, and not its host", async () => {
      const rig = await startRig({ face: face === "web" ? "undici" : face });
      const evil = await evilServer();
      for (const scheme of ["http", "https", "HTTP"]) {
        await askRaw(rig.origin, requestOf(rig, `GET ${scheme}://${evil.host}/echo/absolute?a=1`));
      }
      await askRaw(rig.origin, requestOf(rig, `GET http://user:pass@${evil.host}/echo/absolute?a=1`));
      expect(evil.seen).toEqual([]);
      expect(rig.upstream.arrivals.map(({ url }) => url)).toEqual(Array(4).fill("/v1/echo/absolute?a=1"));
    });

    it("leaves out a fragment, which no client sends", async () => {
      const rig = await startRig({ face });
      await askRaw(rig.origin, requestOf(rig, "GET /echo/a#@evil.test/?b"));
      for (const { url } of rig.upstream.arrivals) expect(url).toBe("/v1/echo/a");
    });

    it("passes on nothing but what is allowed, however it is written", async () => {
      const rig = await startRig({ face, options: { basePath: "/llm", allowedPaths: ["/echo/*"] } });
      const asked = [
        "/llm/files/a",
        "/files/a",
        "/llmx/echo/a",
        "/llm/%65cho/a",
        "/llm/echo/../files/a",
        "/LLM/echo/a",
      ];
      for (const path of asked) await askRaw(rig.origin, requestOf(rig, `GET ${path}`));
      expect(rig.upstream.arrivals).toEqual([]);
      expect(statusOf(await askRaw(rig.origin, requestOf(rig, "GET /llm/echo/a")))).toBe(200);
    });

    it("does not answer for the server as a whole", async () => {
      const rig = await startRig({ face: face === "web" ? "undici" : face });
      expect(statusOf(await askRaw(rig.origin, requestOf(rig, "OPTIONS *")))).toBe(400);
      expect(rig.upstream.arrivals).toEqual([]);
    });
  });

  describe("methods", () => {
    it("refuses TRACE, whose answer would repeat the key", async () => {
      const rig = await startRig({ face });
      const received = await askRaw(rig.origin, requestOf(rig, "TRACE /echo/a"));
      expect(statusOf(received)).toBe(405);
      expect(rig.upstream.arrivals).toEqual([]);
    });

    it("opens no tunnel with CONNECT", async () => {
      const rig = await startRig({ face });
      const evil = await evilServer();
      const received = await askRaw(rig.origin, `CONNECT ${evil.host} HTTP/1.1\r\nHost: ${evil.host}\r\n\r\n`);
      expect(statusOf(received)).not.toBe(200);
      expect([evil.seen, rig.upstream.arrivals]).toEqual([[], []]);
    });

    it("does not change the protocol of a connection", async () => {
      const rig = await startRig({ face });
      const lines = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: eA==",
        "Sec-WebSocket-Version: 13",
      ];
      const start = `GET /echo/upgraded HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rig.token}\r\n`;
      const received = await askRaw(rig.origin, `${start}${lines.join("\r\n")}\r\n\r\n`, (got) =>
        got.includes("sha256"),
      );
      expect(statusOf(received)).toBe(200);
      const { headers } = await rig.upstream.arrived("upgraded");
      expect(Object.keys(headers).filter((name) => /upgrade|^sec-/.test(name))).toEqual(
        face === "undici" ? [] : ["sec-fetch-mode"],
      );
    });
  });

  describe("headers", () => {
    it.each([
      ["a line break of its own in a value", "X-A: b\rX-Evil: 1"],
      ["a null byte in a value", "X-A: b\u0000c"],
      ["a space in a name", "X A: b"],
      ["a space behind a name", "X-A : b"],
      ["no name", ": b"],
      ["a folded line", "X-A: b\r\n X-Evil: 1"],
    ])("refuses or disarms %s", async (_what, line) => {
      const rig = await startRig({ face });
      const received = await askRaw(rig.origin, requestOf(rig, "GET /echo/a", [line]));
      for (const { rawHeaders } of rig.upstream.arrivals) {
        expect(rawHeaders.filter((name, place) => place % 2 === 0 && /evil/i.test(name))).toEqual([]);
      }
      if (rig.upstream.arrivals.length === 0) expect(statusOf(received)).toBe(400);
    });

    it("sends the provider's own host, whatever the client says, and however often", async () => {
      const rig = await startRig({ face });
      await askRaw(rig.origin, requestOf(rig, "GET /echo/hosts", ["X-Forwarded-Host: evil.test"]));
      await askRaw(rig.origin, requestOf(rig, "GET /echo/hosts", ["Host: evil.test"]));
      for (const { headers } of rig.upstream.arrivals) expect(headers.host).toBe(new URL(rig.upstream.origin).host);
      expect(rig.upstream.arrivals.length).toBeGreaterThan(0);
    });

    it("keeps the key when a client lists its header as one of the connection", async () => {
      const rig = await startRig({ face });
      const listed = "Connection: close, authorization, x-api-key, host, content-length, transfer-encoding";
      const lines = [listed, "Content-Length: 2"];
      const start = `POST /echo/listed HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rig.token}\r\n`;
      const received = await askRaw(rig.origin, `${start}${lines.join("\r\n")}\r\n\r\nab`);
      expect(statusOf(received)).toBe(200);
      expect((await rig.upstream.arrived("listed")).role).toBe("good");
    });

    it("is not polluted by the options of a call", async () => {
      const rig = await startRig({ face, options: { authorize: () => ({ mayChoose: true }) } });
      const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
      for (const text of [
        '{"__proto__":{"polluted":1}}',
        '{"constructor":{"prototype":{"polluted":1}}}',
        '{"tags":{"__proto__":{"polluted":"1"}}}',
        `{"tags":${deep}}`,
        deep,
        "null",
        "[]",
        "1",
        "{",
      ]) {
        const answer = await ask(`${rig.origin}/echo/a`, { headers: { "x-rotating-fetch-options": text } });
        expect(answer.status, text.slice(0, 50)).toBe(400);
      }
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
      expect(rig.upstream.arrivals).toEqual([]);
    });
  });

  describe("framing", () => {
    // What a server may do with each: refuse it, or read it in one way and send it on in a way of its own.
    const smuggled = "GET /echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    const chunked = `0\r\n\r\n${smuggled}`;
    it.each([
      ["a length and chunks", [`Content-Length: ${chunked.length}`, "Transfer-Encoding: chunked"], chunked],
      [
        "chunks and a length",
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        `5\r\nGPOST\r\n0\r\n\r\n${smuggled}`,
      ],
      ["two encodings", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunked],
      ["an encoding with a tab", ["Transfer-Encoding:\tchunked, x"], chunked],
      ["an encoding nobody knows", ["Transfer-Encoding: xchunked"], chunked],
      ["two lengths", ["Content-Length: 0", `Content-Length: ${smuggled.length}`], smuggled],
      ["a list of lengths", ["Content-Length: 0, 5"], smuggled],
      ["a length with a sign", [`Content-Length: +${smuggled.length}`], smuggled],
      ["a length below zero", ["Content-Length: -1"], smuggled],
      ["lines that end in a bare line feed", ["X-A: b\nTransfer-Encoding: chunked"], chunked],
      ["a chunk with a size that is none", ["Transfer-Encoding: chunked"], `0x5\r\nhello\r\n0\r\n\r\n${smuggled}`],
      ["a chunk without an end", ["Transfer-Encoding: chunked"], `5\r\nhelloworld\r\n0\r\n\r\n${smuggled}`],
    ])("lets nothing be smuggled past it by %s", async (_what, lines, body) => {
      const rig = await startRig({ face });
      const start = `POST /echo/outer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rig.token}\r\n`;
      const bytes = `${start}${lines.join("\r\n")}\r\n\r\n${body}`;
      const received = await askRaw(rig.origin, bytes, (got) => statusesOf(got).length > 1 || got.includes("sha256"));
      // A second request would be answered with 401: it has no token. It must not get there with the first one's.
      expect(rig.upstream.arrivals.filter(({ url }) => url.includes("smuggled"))).toEqual([]);
      expect(statusOf(received)).toBeOneOf([200, 400]);
      for (const { rawHeaders, body: sent } of rig.upstream.arrivals) {
        const names = rawHeaders.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase());
        expect(names).not.toContain("transfer-encoding");
        expect(sent.toString()).not.toContain("smuggled");
      }
    });

    it("takes chunks with extensions, and sends none on", async () => {
      const rig = await startRig({ face });
      const body = "5;evil=1\r\nhello\r\n0;x\r\nX-Trailer: evil\r\n\r\n";
      const received = await askRaw(
        rig.origin,
        requestOf(rig, "POST /echo/chunks", ["Transfer-Encoding: chunked"], body),
      );
      expect(statusOf(received)).toBe(200);
      const { body: sent, headers } = await rig.upstream.arrived("chunks");
      expect([sent.toString(), headers["content-length"], headers["x-trailer"]]).toEqual(["hello", "5", undefined]);
    });
  });

  describe("bodies", () => {
    it("are refused when they are longer than allowed, by what they say or by what comes", async () => {
      const rig = await startRig({ face, options: { maxBodyBytes: 1_000 } });
      const stated = requestOf(rig, "POST /echo/a", ["Content-Length: 1001"]);
      expect(statusOf(await askRaw(rig.origin, stated, (got) => got.includes("body_too_large")))).toBe(413);
      const chunk = `258\r\n${"x".repeat(600)}\r\n`;
      const coming = requestOf(rig, "POST /echo/a", ["Transfer-Encoding: chunked"], chunk + chunk);
      expect(statusOf(await askRaw(rig.origin, coming, (got) => got.includes("body_too_large")))).toBe(413);
      const lying = requestOf(rig, "POST /echo/a", ["Content-Length: 1e1"], "x".repeat(2_000));
      expect(statusOf(await askRaw(rig.origin, lying))).toBe(400);
      expect(rig.upstream.arrivals).toEqual([]);
    });

    it("take no key while they are waited for, and are given up with the server's own patience", async () => {
      const server = { requestTimeout: 400, headersTimeout: 300, connectionsCheckingInterval: 20 };
      const rig = await startRig({ face, server, options: { limits: [{ concurrency: 1 }] } as never });
      const slow = askRaw(rig.origin, requestOf(rig, "POST /echo/slow", ["Content-Length: 10"], "a"));
      expect((await ask(`${rig.origin}/echo/quick`, { headers: rig.headers })).status).toBe(200);
      expect(statusOf(await slow)).toBeOneOf([0, 408]);
      expect(rig.upstream.arrivalsOf("slow")).toEqual([]);
    });

    it("that break off are sent to nobody", async () => {
      const rig = await startRig({ face });
      const headers = { ...rig.headers, "content-length": "10" };
      const sending = open(`${rig.origin}/echo/broken`, { method: "POST", headers });
      await new Promise((resolve) => sending.write("abc", resolve));
      sending.destroy();
      expect((await ask(`${rig.origin}/echo/next`, { headers: rig.headers })).status).toBe(200);
      expect(rig.upstream.arrivals.map(({ id }) => id)).toEqual(["next"]);
    });
  });

  describe("tokens", () => {
    it("let nobody through who has none or a wrong one", async () => {
      const rig = await startRig({ face });
      const { token } = rig;
      const lastChanged = `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`;
      const wrong: Record<string, string>[] = [
        {},
        { authorization: "" },
        { authorization: "Bearer" },
        { authorization: "Bearer " },
        { authorization: `Bearer ${lastChanged}` },
        { authorization: `Bearer ${token.slice(0, -1)}` },
        { authorization: `Bearer ${token}x` },
        { authorization: `Bearer ${token.toUpperCase()}` },
        { authorization: `Bearer ${token}, Bearer x` },
        { authorization: `Basic ${Buffer.from(token).toString("base64")}` },
        { authorization: `Bearer x`, "x-api-key": token },
        { "x-api-key": lastChanged },
        { "x-api-key": "undefined" },
        { "x-goog-api-key": `${token} x` },
        { cookie: `token=${token}` },
        { "x-rotating-fetch-options": token },
      ];
      for (const headers of wrong) {
        const answer = await ask(`${rig.origin}/echo/a`, { headers });
        expect(answer.status, JSON.stringify(Object.keys(headers))).toBe(401);
        expect(answer.headers["www-authenticate"]).toBe("Bearer");
        expectNoSecrets(answer, [token, ...rig.upstream.secrets]);
      }
      for (const query of [`?key=${lastChanged}`, `?key=`, `?KEY=${token}`, `?token=${token}`, `?key=x&key=${token}`]) {
        expect((await ask(`${rig.origin}/echo/a${query}`)).status, query).toBe(401);
      }
      expect(rig.upstream.arrivals).toEqual([]);
    });

    it.each(["authorization", "x-api-key", "api-key", "x-goog-api-key", "?key="])(
      "are known in %s, and go no further",
      async (place) => {
        const rig = await startRig({ face });
        const isQuery = place === "?key=";
        const headers = isQuery ? {} : { [place]: place === "authorization" ? `bearer ${rig.token}` : rig.token };
        const query = isQuery ? `?a=1&key=${rig.token}&b=2` : "";
        expect((await ask(`${rig.origin}/echo/known${query}`, { headers })).status).toBe(200);
        const { url, headers: sent, role } = await rig.upstream.arrived("known");
        expect([url, role]).toEqual([isQuery ? "/v1/echo/known?a=1&b=2" : "/v1/echo/known", "good"]);
        expectNoSecrets({ url, sent }, [rig.token]);
      },
    );
  });

  describe("a provider that echoes the key", () => {
    it.each([400, 401, 404, 500])("in the body of a %d is not heard by the client", async (status) => {
      const rig = await startRig({ face });
      rig.upstream.behave("echo-key", (response, { headers }) => {
        const secret = String(headers.authorization).slice("Bearer ".length);
        response.writeHead(status, { "content-type": "application/json", "x-debug": `key ${secret}` });
        const text = JSON.stringify({ error: { message: `Incorrect key ${secret}. Or is it ${secret}?` } });
        // In pieces that part the key at every place.
        const cut = text.indexOf(secret) + 3;
        response.write(text.slice(0, cut));
        setImmediate(() => {
          response.write(text.slice(cut, cut + 2));
          setImmediate(() => response.end(text.slice(cut + 2)));
        });
      });
      const answer = await ask(`${rig.origin}/echo-key/a`, { method: "POST", headers: rig.headers, body: "{}" });
      expect(answer.status).toBe(status === 401 ? 503 : status);
      if (status !== 401) {
        expect(answer.body.toString()).toBe(
          JSON.stringify({ error: { message: "Incorrect key [secret]. Or is it [secret]?" } }),
        );
        expect(answer.headers["x-debug"]).toBe("key [secret]");
      }
      expectNoSecrets([answer.headers, answer.body.toString()], rig.upstream.secrets);
    });

    it("in a packed body is not heard by the client", async () => {
      const rig = await startRig({ face });
      rig.upstream.behave("echo-key", (response, { headers }) => {
        const body = gzipSync(JSON.stringify({ error: { message: `No: ${headers.authorization}` } }));
        response.writeHead(400, { "content-encoding": "gzip", "content-length": body.length }).end(body);
      });
      const answer = await ask(`${rig.origin}/echo-key/a`, { headers: rig.headers });
      expect(answer.status).toBe(400);
      expect(answer.headers["content-encoding"]).toBeUndefined();
      expect(answer.json()).toEqual({ error: { message: "No: Bearer [secret]" } });
    });

    it("in the status line or the target of a redirect is not heard by the client", async () => {
      let secret = "";
      const target = await rawProvider((request, socket) => {
        secret = /Bearer (\S+)/i.exec(request)?.[1] ?? "";
        const location = `https://login.test/?token=${secret}`;
        socket.end(
          `HTTP/1.1 307 Use ${secret}\r\nLocation: ${location}\r\nContent-Length: ${secret.length}\r\n\r\n${secret}`,
        );
      });
      const rig = await startRig({ face, options: { target } });
      const received = await askRaw(rig.origin, requestOf(rig, "GET /a"));
      expect(statusOf(received)).toBe(307);
      expect(secret).not.toBe("");
      expect(received).toContain("https://login.test/?token=[secret]");
      expect(received).not.toMatch(new RegExp(`^content-length: ${secret.length}`, "im"));
      expectNoSecrets(received, [secret]);
    });
  });

  describe("a provider's answers", () => {
    it("that lead elsewhere are handed to the client, and the key goes nowhere", async () => {
      const rig = await startRig({ face });
      const evil = await evilServer();
      const targets = [`http://${evil.host}/`, `//${evil.host}/`, `http://127.0.0.1:1@${evil.host}/`];
      for (const [place, location] of targets.entries()) {
        for (const status of [301, 302, 303, 307, 308]) {
          rig.upstream.behave(`redirect-${place}-${status}`, (response) => {
            response.writeHead(status, { location }).end();
          });
          const url = `${rig.origin}/redirect-${place}-${status}/a`;
          const answer = await ask(url, { method: "POST", headers: rig.headers, body: "{}" });
          expect([answer.status, answer.headers.location]).toEqual([status, location]);
        }
      }
      expect(evil.seen).toEqual([]);
    });

    it("that lead to another place of the provider are followed with the key", async () => {
      const rig = await startRig({ face });
      rig.upstream.behave("moved", (response) => {
        response.writeHead(307, { location: "/v1/echo/there?a=1#fragment" }).end();
      });
      const answer = await ask(`${rig.origin}/moved/here`, { method: "POST", headers: rig.headers, body: "again" });
      expect(answer.status).toBe(200);
      const { url, role, body } = await rig.upstream.arrived("there");
      expect([url, role, body.toString()]).toEqual(["/v1/echo/there?a=1", "good", "again"]);
    });

    it.each(["file:///etc/passwd", "javascript:alert(1)", "http://", "gopher://127.0.0.1/"])(
      "that lead to %s are an error",
      async (location) => {
        const rig = await startRig({ face });
        rig.upstream.behave("moved", (response) => void response.writeHead(302, { location }).end());
        expect((await ask(`${rig.origin}/moved/a`, { headers: rig.headers })).status).toBe(502);
      },
    );

    it("may repeat headers of the connection, and hold what is not ASCII", async () => {
      const head = [
        "HTTP/1.1 200 Tr\u00e8s bien \u597d",
        "Connection: x-one",
        "Connection: x-two",
        "X-One: 1",
        "X-Two: 2",
        "X-Name: mod\u00e8le \u6a21\u578b",
        "Content-Length: 2",
      ].join("\r\n");
      const target = await rawProvider((_request, socket) => void socket.end(Buffer.from(`${head}\r\n\r\nok`)));
      const rig = await startRig({ face, options: { target } });
      const received = await askRaw(rig.origin, requestOf(rig, "GET /a"));
      expect(statusOf(received)).toBe(200);
      expect(received).not.toMatch(/^x-(one|two):/im);
      expect(received).toContain(`: ${Buffer.from("mod\u00e8le \u6a21\u578b").toString("latin1")}\r\n`);
      expect(received.endsWith("ok")).toBe(true);
    });

    it.each([
      ["a status nobody knows", "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nno"],
      ["no answer", ""],
      ["something else than HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
      ["a body shorter than it says, and a header that splits", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"],
    ])("that are %s are answered with 502, and free the key", async (_what, bytes) => {
      let count = 0;
      const target = await rawProvider((_request, socket) => {
        socket.end(count++ === 0 ? bytes : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
      const options = { target, limits: [{ concurrency: 1 }], guardMs: 0, maxWaitMs: 2_000 } as never;
      const rig = await startRig({ face, options });
      expect(statusOf(await askRaw(rig.origin, requestOf(rig, "POST /a", ["Content-Length: 0"])))).toBe(502);
      expect(statusOf(await askRaw(rig.origin, requestOf(rig, "POST /a", ["Content-Length: 0"])))).toBe(200);
    });
  });
});
