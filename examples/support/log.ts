import type { Server } from "node:http";
import type { Logger } from "rotating-fetch";

const levels = ["debug", "info", "warn", "error"] as const;
type Level = (typeof levels)[number];

/** Prints a line for each thing that happens, from `LOG_LEVEL` on: `debug`, `info`, `warn` or `error`. */
export function consoleLogger(): Logger {
  const wanted = levels.indexOf(process.env["LOG_LEVEL"]?.toLowerCase() as Level);
  const from = wanted === -1 ? levels.indexOf("info") : wanted;
  const at = (level: Level): Logger[Level] =>
    levels.indexOf(level) < from ? () => {} : (message, details) => print(level, message, details);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function print(level: Level, message: string, details: unknown): void {
  const said = details === undefined ? "" : ` ${JSON.stringify(details, readable)}`;
  console.log(`${new Date().toISOString()} ${level} ${message}${said}`);
}

/** Errors have nothing of their own to write out. */
function readable(_name: string, value: unknown): unknown {
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}

/** Logs every request a server answered; without its query, which may hold a credential. */
export function logRequests(server: Server, logger: Logger): void {
  server.prependListener("request", (request, response) => {
    const startedAt = performance.now();
    const { method = "GET", url = "/" } = request;
    const [path] = url.split("?");
    response.once("close", () => {
      const elapsedMs = Math.round(performance.now() - startedAt);
      if (response.writableEnded) logger.info("request", { method, path, status: response.statusCode, elapsedMs });
      else logger.warn("request", { method, path, status: "client left", elapsedMs });
    });
  });
}
