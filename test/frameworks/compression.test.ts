import { once } from "node:events";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { serve } from "@hono/node-server";
import compression from "compression";
import express5 from "express";
import express4 from "express-4";
import { Hono } from "hono";
import { compress as honoCompress } from "hono/compress";
import Koa from "koa";
import koaCompress from "koa-compress";
import { describe, expect, it, onTestFinished } from "vitest";
import { rotatingProxy as expressProxy } from "../../src/server/middleware/express.ts";
import { rotatingProxy as honoProxy } from "../../src/server/middleware/hono.ts";
import { rotatingProxy as koaProxy } from "../../src/server/middleware/koa.ts";
import { answering, ask, begin, nextPiece } from "../server/proxy/client.ts";
import { type Rig, serving, startRig } from "./support/rig.ts";
import { running } from "./support/servers.ts";

type Serve = (rig: Rig) => Promise<string>;

const onHono: Serve = async ({ options }) => {
  const app = new Hono().use(honoCompress()).all("*", honoProxy(options));
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { origin, stop } = await running(server as Parameters<typeof running>[0]);
  onTestFinished(stop);
  return origin;
};

const apps: [name: string, serve: Serve][] = [
  ["Express 4 and compression", ({ options }) => serving(express4().use(compression(), expressProxy(options)))],
  ["Express 5 and compression", ({ options }) => serving(express5().use(compression(), expressProxy(options)))],
  ["Koa and koa-compress", ({ options }) => serving(new Koa().use(koaCompress()).use(koaProxy(options)).callback())],
  ["Hono and its compress", onHono],
];

describe.each(apps)("a proxy under %s", (_name, serve) => {
  it("hands on each event of a stream at once", async () => {
    const rig = await startRig();
    const headers = { ...rig.headers, "accept-encoding": "gzip" };
    const sending = begin(`${await serve(rig)}/stream/a`, { headers });
    await rig.upstream.arrived("a");
    rig.upstream.release("a");
    const answer = await answering(sending);
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(await nextPiece(answer)).toContain('"one"');
  });

  it("lets other answers be packed, without a length that was theirs before", async () => {
    const rig = await startRig();
    const text = "words ".repeat(1_000_000);
    rig.upstream.behave("words", (response) => {
      response.writeHead(200, { "content-type": "text/plain", "content-length": text.length }).end(text);
    });
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const headers = { ...rig.headers, "accept-encoding": "gzip" };
    const answer = await ask(`${await serve(rig)}/words/a`, { headers });
    const isPacked = answer.headers["content-encoding"] === "gzip";
    expect(isPacked ? gunzipSync(answer.body).length : answer.body.length).toBe(text.length);
    if (isPacked) expect(answer.headers["content-length"]).toBeUndefined();
    expect(warnings).toEqual([]);
  });
});
