/** A proxy in a Koa app, beside routes of its own. */
import Koa from "koa";
import { keyAdmin, rotatingProxy } from "rotating-fetch/koa";
import { announce } from "./support/announce.ts";
import { serverSettings } from "./support/server-settings.ts";

const settings = await serverSettings(process.argv[2]);
const proxy = rotatingProxy({ ...settings.proxy, authorize: [settings.clientToken] });
const admin = keyAdmin({ rotators: proxy.rotator, tokens: settings.adminToken, basePath: "/admin" });

const app = new Koa();
app.use(async (context, next) => {
  if (context.path === "/") context.body = "Keys rotate below /v1, and are operated below /admin.";
  else if (context.path.startsWith("/admin/")) await admin(context);
  else if (context.path.startsWith("/v1/")) await proxy(context);
  else await next();
});
announce(app.listen(settings.port, settings.host), settings, proxy.rotator);
