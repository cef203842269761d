import { RateLimitTracker } from "rotating-fetch";

const tracker = new RateLimitTracker({ limits: [{ requests: 2, per: "minute" }, { tokens: 10_000 }] });
const taken = await tracker.reserve({ account: "customer-7", tokens: { input: 800, output: 400 } });
if (taken.granted) await taken.settle({ usage: { inputTokens: 812, outputTokens: 96 } });
for (const { id, left } of await tracker.left({ account: "customer-7" })) console.log(`${id}: ${left} left`);

await tracker.feed({ "retry-after": "30" }, { account: "customer-7" });
const refused = await tracker.reserve({ account: "customer-7" });
if (!refused.granted) console.log(`refused by ${refused.by}, again in ${Math.ceil((refused.retryInMs ?? 0) / 1000)} s`);
