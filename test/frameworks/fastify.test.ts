import { onFastify } from "./support/servers.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Fastify, sending through undici", onFastify("undici"));
proxySuite("Fastify, sending through fetch", onFastify("fetch"));
