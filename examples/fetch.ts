/** Plain fetch: three keys, one of them at its limit, and not one call that notices. */
import { createRotatingFetch } from "rotating-fetch";
import { openTarget } from "./support/target.ts";

await using target = await openTarget();
const { provider, keys, baseURL, model } = target;

const fetch = createRotatingFetch({ provider, keys, baseURL });
fetch.rotator.on("attempt-failed", ({ status, kind, failover }) => {
  console.log(`  a key answered ${status} (${kind})${failover ? ", trying another" : ""}`);
});

for (let call = 1; call <= 4; call++) {
  const response = await fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Say hello." }] }),
  });
  console.log(`call ${call}: ${response.status}, ${(await response.text()).length} characters`);
  if (!response.ok) process.exitCode = 1;
}

for (const { masked, used, state } of (await fetch.rotator.snapshot()).keys) {
  console.log(`${masked}: tried ${used} times, ${state}`);
}
