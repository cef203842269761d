/**
 * A proxy and its admin API in one Express app. It takes the place of a balancing proxy that reads a `config.json` (give its
 * path) and of a free-pool proxy that reads `OPENROUTER_API_KEYS` and `PORT`, and serves the routes of both.
 */
import express from "express";
import { isAdminPath } from "rotating-fetch";
import { keyAdmin, rotatingProxy } from "rotating-fetch/express";
import { announce } from "./support/announce.ts";
import { serverSettings } from "./support/server-settings.ts";

const settings = await serverSettings(process.argv[2]);
const proxy = rotatingProxy({
  ...settings.proxy,
  // Whoever reaches this machine's own address may use the keys. For others: `authorize: [clientToken]`.
  authorize: "public",
  onExhausted: ({ status, retryAfterMs }) => {
    const error = status === 429 ? "All API keys are rate limited" : "No API key can be used";
    const headers = retryAfterMs === null ? {} : { "retry-after": `${Math.ceil(retryAfterMs / 1000)}` };
    return Response.json({ error }, { status, headers });
  },
});
const admin = keyAdmin({
  rotators: proxy.rotator,
  tokens: settings.adminToken,
  publicStatus: true,
  version: "1.0.0",
});

const app = express();
app.use((request, response, next) => {
  if (isAdminPath(request.path)) admin(request, response, next);
  else proxy(request, response, next);
});
announce(app.listen(settings.port, settings.host), settings);
