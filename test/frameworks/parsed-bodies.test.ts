import { gzipSync } from "node:zlib";
import { serve } from "@hono/node-server";
import express5, { type RequestHandler } from "express";
import express4 from "express-4";
import { Hono } from "hono";
import Koa from "koa";
import koaBodyparser from "koa-bodyparser";
import multer from "multer";
import { describe, expect, it, onTestFinished } from "vitest";
import { rotatingProxy as expressProxy } from "../../src/server/middleware/express.ts";
import { rotatingProxy as honoProxy } from "../../src/server/middleware/hono.ts";
import { rotatingProxy as koaProxy } from "../../src/server/middleware/koa.ts";
import { type Answer, ask } from "../server/proxy/client.ts";
import { type Rig, serving, startRig } from "./support/rig.ts";

const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };

/** Sends a body through an app, and tells what the provider got of it. */
async function through(rig: Rig, origin: string, headers: Record<string, string>, body: string | Buffer) {
  const answer = await ask(`${origin}/echo/a`, { method: "POST", headers: { ...rig.headers, ...headers }, body });
  const [arrival] = rig.upstream.arrivalsOf("a");
  return { answer, sent: arrival?.body.toString(), headers: arrival?.headers };
}

const failure = ({ status, body }: Answer): [number, string] => [status, body.toString()];

describe.each([
  ["Express 4", express4],
  ["Express 5", express5],
])("a proxy behind parsers of %s", (_name, express) => {
  async function behind(...parsers: RequestHandler[]): Promise<{ rig: Rig; origin: string }> {
    const rig = await startRig();
    const app = express().set("env", "test");
    app.use(...parsers, expressProxy(rig.options));
    return { rig, origin: await serving(app) };
  }

  it.each(['{"model":"m","n":[1,{}],"ä":"ö"}', "{}", "[]"])("sends JSON that was parsed: %s", async (body) => {
    const { rig, origin } = await behind(express.json());
    expect((await through(rig, origin, json, body)).sent).toBe(body);
  });

  it("sends JSON that is no object, where the parser takes it", async () => {
    const { rig, origin } = await behind(express.json({ strict: false }));
    expect((await through(rig, origin, json, '"text"')).sent).toBe('"text"');
  });

  it("sends the bytes that came where somebody kept them", async () => {
    const keep = (request: object, _response: unknown, bytes: Buffer): void =>
      void Object.assign(request, { rawBody: bytes });
    const { rig, origin } = await behind(express.json({ verify: keep }));
    expect((await through(rig, origin, json, '{ "a" : 1.0 }')).sent).toBe('{ "a" : 1.0 }');
  });

  it("unpacks what was packed, and says so", async () => {
    const { rig, origin } = await behind(express.json());
    const packed = { ...json, "content-encoding": "gzip" };
    const { sent, headers } = await through(rig, origin, packed, gzipSync('{"a":1}'));
    expect([sent, headers?.["content-encoding"], headers?.["content-length"]]).toEqual(['{"a":1}', undefined, "7"]);
  });

  it("sends forms that were parsed, with fields within fields", async () => {
    for (const extended of [false, true]) {
      const { rig, origin } = await behind(express.urlencoded({ extended }));
      expect((await through(rig, origin, form, "a=1&a=2&b=%26+x")).sent).toBe("a=1&a=2&b=%26+x");
    }
    const { rig, origin } = await behind(express.urlencoded({ extended: true }));
    const { sent } = await through(rig, origin, form, "user[name]=x&user[tags][]=1&user[tags][]=2");
    expect(Object.fromEntries(new URLSearchParams(sent))).toEqual({ "user[name]": "x", "user[tags]": "2" });
  });

  it("sends text and bytes that were parsed", async () => {
    const { rig, origin } = await behind(express.text());
    expect((await through(rig, origin, { "content-type": "text/plain" }, "text")).sent).toBe("text");
    const other = await behind(express.raw({ type: "*/*" }));
    expect((await through(other.rig, other.origin, { "content-type": "audio/wav" }, "bytes")).sent).toBe("bytes");
  });

  it("sends what no parser wanted as it came", async () => {
    const { rig, origin } = await behind(express.json(), express.urlencoded({ extended: true }));
    expect((await through(rig, origin, { "content-type": "audio/wav" }, "bytes")).sent).toBe("bytes");
  });

  it("sends no body where none came", async () => {
    const { rig, origin } = await behind(express.json());
    const empty = { ...rig.headers, ...json, "content-length": "0" };
    expect((await ask(`${origin}/echo/a`, { method: "POST", headers: empty })).status).toBe(200);
    expect((await ask(`${origin}/echo/a`, { method: "DELETE", headers: rig.headers })).status).toBe(200);
    expect(rig.upstream.arrivalsOf("a").map(({ body }) => body.toString())).toEqual(["", ""]);
  });

  it("tells whoever mounted it when it cannot know what was sent", async () => {
    const half: RequestHandler = (request, _response, next) => void request.once("data", () => next(request.pause()));
    const nextOf: RequestHandler = (request, response, next) => half(request, response, () => next());
    const whole: RequestHandler = (request, _response, next) => void request.resume().once("end", () => next());
    const parts = `--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n`;
    const cases: [RequestHandler, Record<string, string>, string][] = [
      [nextOf, json, '{"a":1}'],
      [whole, json, '{"a":1}'],
      [multer().any(), { "content-type": "multipart/form-data; boundary=b" }, parts],
    ];
    for (const [parser, headers, body] of cases) {
      const { rig, origin } = await behind(parser);
      const { answer } = await through(rig, origin, headers, body);
      expect(answer.status).toBe(500);
      expect(answer.body.toString()).toContain("was read before it came here");
      expect(rig.upstream.arrivals).toEqual([]);
    }
  });

  it("bounds what a parser left as well", async () => {
    const rig = await startRig({ maxBodyBytes: 5 });
    const origin = await serving(express().use(express.json(), expressProxy(rig.options)));
    expect((await through(rig, origin, json, '{"a":1}')).answer.status).toBe(413);
  });
});

describe("a proxy behind koa-bodyparser", () => {
  it.each([
    ["JSON", json, '{ "a" : 1.0 }'],
    ["an empty object", json, "{}"],
    ["a form", form, "a=1&b=%26"],
    ["what it does not know", { "content-type": "audio/wav" }, "bytes"],
  ])("sends %s as it came", async (_what, headers, body) => {
    const rig = await startRig();
    const app = new Koa().use(koaBodyparser()).use(koaProxy(rig.options));
    expect((await through(rig, await serving(app.callback()), headers, body)).sent).toBe(body);
  });
});

describe("a proxy behind others of Hono", () => {
  it.each(["json", "text", "arrayBuffer", "formData", "blob"] as const)("sends what %s() read before", async (how) => {
    const rig = await startRig();
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req[how]();
      await next();
    });
    app.all("*", honoProxy(rig.options));
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 });
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address() as { port: number };
    const [headers, body] = how === "formData" ? [form, "a=1&b=2"] : [json, '{ "a" : 1.0 }'];
    const { answer, sent } = await through(rig, `http://127.0.0.1:${address.port}`, headers, body);
    expect(failure(answer)[0]).toBe(200);
    if (how === "json") expect(JSON.parse(sent ?? "")).toEqual(JSON.parse(body));
    else if (how !== "formData") expect(sent).toBe(body);
  });

  it("sends a form with files that was read before, so that the provider can read it", async () => {
    const rig = await startRig();
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req.parseBody();
      await next();
    });
    app.all("*", honoProxy(rig.options));
    const given = new FormData();
    given.append("model", "m");
    given.append("file", new Blob(["sound"]), "a.wav");
    const response = await app.request("/echo/a", { method: "POST", headers: rig.headers, body: given });
    expect(response.status).toBe(200);
    const { body, headers } = await rig.upstream.arrived("a");
    const read = await new Response(new Uint8Array(body), {
      headers: { "content-type": headers["content-type"] ?? "" },
    }).formData();
    expect([read.get("model"), await (read.get("file") as File).text()]).toEqual(["m", "sound"]);
  });
});
