/** A proxy without any framework. */
import { createServer } from "node:http";
import { isAdminPath } from "rotating-fetch";
import { createNodeAdmin, createNodeProxy } from "rotating-fetch/node";
import { announce } from "./support/announce.ts";
import { serverSettings } from "./support/server-settings.ts";

const settings = await serverSettings(process.argv[2]);
const proxy = createNodeProxy({ ...settings.proxy, authorize: [settings.clientToken] });
const admin = createNodeAdmin({ rotators: proxy.rotator, tokens: settings.adminToken, basePath: "/admin" });

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (isAdminPath(pathname, "/admin")) admin(request, response);
  else proxy(request, response);
});
announce(server.listen(settings.port, settings.host), settings, proxy.rotator);
