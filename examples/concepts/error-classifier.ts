import { ErrorClassifier } from "rotating-fetch";

const classifier = new ErrorClassifier({ provider: "openai" });
const now = Date.now();
const spent = classifier.classify({
  now,
  status: 429,
  headers: { "retry-after": "20" },
  body: JSON.stringify({ error: { code: "insufficient_quota", message: "You exceeded your current quota." } }),
});
console.log(`${spent.kind} of the ${spent.scope}; another key helps: ${spent.failover}`);

const busy = classifier.classify({ now, status: 429, headers: { "retry-after": "20" }, body: "" });
console.log(`${busy.kind}, again in ${busy.retryAfterMs} ms`);
