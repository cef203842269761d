import { onKoa } from "./support/servers.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Koa 3, sending through undici", onKoa("undici"));
proxySuite("Koa 3, sending through fetch", onKoa("fetch"));
