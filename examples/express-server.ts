/**
 * A proxy and its admin API in one Express app. It takes the place of a balancing proxy that reads a `config.json` (give its
 * path), of a free-pool proxy that reads `OPENROUTER_API_KEYS` and `PORT`, and of a gateway's multi-key channel, and serves the
 * routes of all of them: see docs/moving-here.md.
 */
import express from "express";
import { isAdminPath } from "rotating-fetch";
import { keyAdmin, rotatingProxy } from "rotating-fetch/express";
import { announce } from "./support/announce.ts";
import { serverSettings } from "./support/server-settings.ts";

const settings = await serverSettings(process.argv[2]);
// `authorize` is the list of client tokens, or "public" in place of a system on this machine that asked for none.
const proxy = rotatingProxy({ ...settings.proxy, authorize: settings.authorize });
const admin = keyAdmin({
  rotators: proxy.rotator,
  tokens: settings.adminToken,
  publicStatus: true,
  version: "1.0.0",
});

const app = express();
app.use((request, response) => {
  if (isAdminPath(request.path)) admin(request, response);
  else proxy(request, response);
});
announce(app.listen(settings.port, settings.host), settings, proxy.rotator);
