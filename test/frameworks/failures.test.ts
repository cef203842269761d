import express5, { type ErrorRequestHandler } from "express";
import express4 from "express-4";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { describe, expect, it, onTestFinished } from "vitest";
import { ProxyError } from "../../src/index.ts";
import { createNodeProxy } from "../../src/node.ts";
import { rotatingProxy as expressProxy } from "../../src/server/middleware/express.ts";
import { rotatingProxy as honoProxy } from "../../src/server/middleware/hono.ts";
import { rotatingProxy as koaProxy } from "../../src/server/middleware/koa.ts";
import { answering, ask, begin, nextPiece, whole } from "../server/proxy/client.ts";
import { type Rig, serving, startRig } from "./support/rig.ts";

type Caught = unknown[];
/** Serves an app whose own error handler notes what it is told, and answers with its status and a text of its own. */
type ServeNoting = (rig: Rig, caught: Caught) => Promise<string>;

function onExpress(express: typeof express5): ServeNoting {
  return ({ options }, caught) => {
    const note: ErrorRequestHandler = (error, _request, response, _next) => {
      caught.push(error);
      response.status(error.status).send("ours");
    };
    return serving(express().use(expressProxy(options)).use(note));
  };
}

const onKoa: ServeNoting = ({ options }, caught) => {
  const app = Object.assign(new Koa(), { silent: true });
  app.use(async (context, next) => {
    try {
      await next();
    } catch (error) {
      caught.push(error);
      context.status = (error as ProxyError).status;
      context.body = "ours";
    }
  });
  return serving(app.use(koaProxy(options)).callback());
};

const onFastify: ServeNoting = async ({ options }, caught) => {
  const app = fastify();
  const proxy = createNodeProxy(options);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setErrorHandler((error, _request, reply) => {
    caught.push(error);
    return reply.status((error as ProxyError).status).send("ours");
  });
  app.all("/*", (request, reply) => {
    return new Promise((resolve, reject) => {
      reply.raw.once("close", resolve);
      proxy(request.raw, reply.raw, reject);
    });
  });
  onTestFinished(() => void app.close());
  return app.listen({ host: "127.0.0.1", port: 0 });
};

describe.each([
  ["Express 4", onExpress(express4)],
  ["Express 5", onExpress(express5)],
  ["Koa", onKoa],
  ["Fastify", onFastify],
] as [string, ServeNoting][])("a failure under %s", (_name, serve) => {
  it.each([
    [502, "upstream_unreachable", "lost"],
    [504, "upstream_timeout", "hang"],
    [500, "authorize_failed", "echo"],
  ])("comes to the app's own error handler: %d", async (status, code, behaviour) => {
    const options: Record<string, Parameters<typeof startRig>[0]> = {
      hang: { attemptTimeoutMs: 60 },
      echo: { authorize: () => Promise.reject(new Error("no database")) },
    };
    const rig = await startRig(options[behaviour]);
    rig.upstream.behave("lost", (response) => void response.destroy());
    const caught: Caught = [];
    const answer = await ask(`${await serve(rig, caught)}/${behaviour}/a`, { headers: rig.headers });
    expect([answer.status, answer.body.toString()]).toEqual([status, "ours"]);
    expect(caught).toHaveLength(1);
    expect(ProxyError.isInstance(caught[0])).toBe(true);
    expect(caught[0]).toMatchObject({ status, statusCode: status, code, expose: true });
  });

  it("in the middle of an answer breaks it off, and is the app's no more", async () => {
    const rig = await startRig();
    const caught: Caught = [];
    const answer = await answering(begin(`${await serve(rig, caught)}/cut/a`, { headers: rig.headers }));
    await nextPiece(answer);
    rig.upstream.release("a");
    await expect(whole(answer)).rejects.toThrow();
    expect(caught).toEqual([]);
  });

  it("is none when the client has left", async () => {
    const rig = await startRig();
    const caught: Caught = [];
    const origin = await serve(rig, caught);
    const sending = begin(`${origin}/hang/a`, { headers: rig.headers });
    await rig.upstream.arrived("a");
    sending.destroy();
    await rig.upstream.left("a");
    expect((await ask(`${origin}/echo/b`, { headers: rig.headers })).status).toBe(200);
    expect(caught).toEqual([]);
  });
});

describe("a failure under Hono", () => {
  it("comes to the app's own error handler", async () => {
    const rig = await startRig();
    rig.upstream.behave("lost", (response) => void response.destroy());
    const app = new Hono().all("*", honoProxy(rig.options));
    const caught: Caught = [];
    app.onError((error, context) => {
      caught.push(error);
      return context.text("ours", (error as unknown as ProxyError).status as 502);
    });
    const response = await app.request("/lost/a", { headers: rig.headers });
    expect([response.status, await response.text()]).toEqual([502, "ours"]);
    expect(caught).toEqual([expect.objectContaining({ code: "upstream_unreachable", status: 502 })]);
  });

  it("is answered with its status where the app has no such handler", async () => {
    const rig = await startRig();
    const app = new Hono().all("*", honoProxy(rig.options));
    const response = await app.request("/echo/a");
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_token" } });
  });
});

describe("a failure that nobody handles", () => {
  it.each([
    ["Express 4", ({ options }: Rig) => serving(express4().set("env", "test").use(expressProxy(options)))],
    ["Express 5", ({ options }: Rig) => serving(express5().set("env", "test").use(expressProxy(options)))],
    [
      "Koa",
      ({ options }: Rig) => serving(Object.assign(new Koa(), { silent: true }).use(koaProxy(options)).callback()),
    ],
  ])("has the right status under %s", async (_name, serve) => {
    const rig = await startRig();
    rig.upstream.behave("lost", (response) => void response.destroy());
    expect((await ask(`${await serve(rig)}/lost/a`, { headers: rig.headers })).status).toBe(502);
  });
});
