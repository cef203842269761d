import { onHono } from "./support/servers.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Hono on node-server", onHono);
