/** A proxy in a Hono app. The app runs on every runtime; only the last lines are Node's. */
import { createServer } from "node:http";
import { Hono } from "hono";
import { keyAdmin, rotatingProxy } from "rotating-fetch/hono";
import { nodeHandlerOf } from "rotating-fetch/node";
import { announce } from "./support/announce.ts";
import { serverSettings } from "./support/server-settings.ts";

const settings = await serverSettings(process.argv[2]);
const proxy = rotatingProxy({ ...settings.proxy, basePath: "/llm", authorize: [settings.clientToken] });
const admin = keyAdmin({ rotators: proxy.rotator, tokens: settings.adminToken, basePath: "/admin" });

const app = new Hono();
app.get("/", (context) => context.text("Keys rotate below /llm, and are operated below /admin."));
app.all("/admin/*", admin);
app.all("/llm/*", proxy);

const server = createServer(nodeHandlerOf(async (request) => app.fetch(request)));
announce(server.listen(settings.port, settings.host), settings, proxy.rotator);
