import { onExpress4, onExpress5 } from "./support/servers.ts";
import { proxySuite } from "./support/suite.ts";

proxySuite("Express 4, sending through undici", onExpress4("undici"));
proxySuite("Express 4, sending through fetch", onExpress4("fetch"));
proxySuite("Express 5, sending through undici", onExpress5("undici"));
proxySuite("Express 5, sending through fetch", onExpress5("fetch"));
