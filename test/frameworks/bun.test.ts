import { onBun } from "./support/children.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Hono on Bun", onBun("hono"));
proxySuite("createProxyHandler on Bun", onBun("web"));
