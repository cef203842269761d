import express5 from "express";
import express4 from "express-4";
import { Hono } from "hono";
import Koa from "koa";
import mount from "koa-mount";
import { describe, expect, it } from "vitest";
import { createProxyHandler } from "../../src/index.ts";
import { rotatingProxy as expressProxy } from "../../src/server/middleware/express.ts";
import { rotatingProxy as honoProxy } from "../../src/server/middleware/hono.ts";
import { rotatingProxy as koaProxy } from "../../src/server/middleware/koa.ts";
import { ask } from "../server/proxy/client.ts";
import { type Rig, serving, startRig } from "./support/rig.ts";

/** What is asked for below the mount, and what arrives at the provider. */
const paths = [
  ["/llm/echo/a?x=1", "/v1/echo/a?x=1"],
  ["/llm/echo/a%20b/", "/v1/echo/a%20b/"],
  ["/llm", "/v1/"],
  ["/llm?x", "/v1/?x"],
  ["/llm/", "/v1/"],
] as const;

const urlsOf = ({ upstream }: Rig): string[] => upstream.arrivals.map(({ url }) => url);

async function expectPaths(rig: Rig, origin: string, prefix = ""): Promise<void> {
  for (const [path] of paths) await ask(`${origin}${prefix}${path}`, { headers: rig.headers });
  expect(urlsOf(rig)).toEqual(paths.map(([, url]) => url));
}

describe.each([
  ["Express 4", express4],
  ["Express 5", express5],
])("a proxy mounted in %s", (_name, express) => {
  it("sees paths below its mount", async () => {
    const rig = await startRig();
    await expectPaths(rig, await serving(express().use("/llm", expressProxy(rig.options))));
  });

  it("sees paths below routers within routers", async () => {
    const rig = await startRig();
    const router = express.Router().use("/llm", expressProxy(rig.options));
    await expectPaths(rig, await serving(express().use("/api", router)), "/api");
  });

  it("sees the whole path of a route, and takes a prefix off itself", async () => {
    const rig = await startRig({ basePath: "/llm" });
    await expectPaths(rig, await serving(express().all(/^\/llm/, expressProxy(rig.options))));
  });

  it("does not leave the provider by a path with two slashes", async () => {
    const rig = await startRig();
    const origin = await serving(express().use("/llm", expressProxy(rig.options)));
    await ask(`${origin}/llm//evil.test/x`, { headers: rig.headers });
    expect(urlsOf(rig)).toEqual(["/v1/evil.test/x"]);
  });
});

describe("a proxy mounted in Koa", () => {
  it("sees paths below its mount", async () => {
    const rig = await startRig();
    await expectPaths(rig, await serving(new Koa().use(mount("/llm", koaProxy(rig.options))).callback()));
  });

  it("sees paths below mounts within mounts", async () => {
    const rig = await startRig();
    const inner = new Koa().use(mount("/llm", koaProxy(rig.options)));
    await expectPaths(rig, await serving(new Koa().use(mount("/api", inner)).callback()), "/api");
  });

  it("leaves to others what lies elsewhere", async () => {
    const rig = await startRig();
    const app = new Koa().use(mount("/llm", koaProxy(rig.options)));
    app.use((context) => {
      context.body = "ours";
    });
    const answer = await ask(`${await serving(app.callback())}/llmx/echo/a`);
    expect([answer.status, answer.body.toString(), urlsOf(rig)]).toEqual([200, "ours", []]);
  });
});

describe("a proxy mounted in Hono", () => {
  async function expectHonoPaths(rig: Rig, app: Hono, prefix = ""): Promise<void> {
    for (const [path] of paths) await app.request(`http://app.test${prefix}${path}`, { headers: rig.headers });
    expect(urlsOf(rig)).toEqual(paths.map(([, url]) => url));
  }

  it("takes a prefix off a route's path", async () => {
    const rig = await startRig({ basePath: "/llm" });
    const proxy = honoProxy(rig.options);
    await expectHonoPaths(rig, new Hono().all("/llm/*", proxy).all("/llm", proxy));
  });

  it("takes a prefix off the path of a route within another, and of one with a base path", async () => {
    const routed = await startRig({ basePath: "/api/llm" });
    const inner = new Hono().all("/llm/*", honoProxy(routed.options));
    await expectHonoPaths(routed, new Hono().route("/api", inner), "/api");
    const based = await startRig({ basePath: "/api/llm" });
    const app = new Hono().basePath("/api");
    app.all("/llm/*", honoProxy(based.options));
    await expectHonoPaths(based, app as unknown as Hono, "/api");
  });

  it("needs no prefix under app.mount, which takes it off", async () => {
    const rig = await startRig();
    await expectHonoPaths(rig, new Hono().mount("/llm", createProxyHandler(rig.options)));
  });
});
