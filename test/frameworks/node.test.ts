import { onNode } from "./support/servers.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("node:http, sending through undici", onNode("undici"));
proxySuite("node:http, sending through fetch", onNode("fetch"));
