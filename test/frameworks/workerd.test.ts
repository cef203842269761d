import { onWorkerd } from "./support/children.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Hono on workerd", onWorkerd("hono"));
proxySuite("createProxyHandler on workerd", onWorkerd("web"));
