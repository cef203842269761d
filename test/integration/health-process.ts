import { createRotatingFetch } from "../../src/index.ts";

// Nothing but a pool that checks its keys' health: the process must end by itself.
createRotatingFetch({
  keys: [`test-${Math.random()}`, `test-${Math.random()}`],
  baseURL: "http://127.0.0.1:9",
  healthCheck: { intervalMs: 1000, path: "/models" },
});
