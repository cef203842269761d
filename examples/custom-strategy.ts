/** A strategy of one's own: use the keys that are paid for, and the free ones only while those rest. */
import { type ChoosingStrategy, createRotatingFetch } from "rotating-fetch";
import { openTarget } from "./support/target.ts";

await using target = await openTarget();
const { provider, keys, baseURL, model } = target;

// Only keys that may be used now are offered; one per account.
const paidFirst: ChoosingStrategy = {
  name: "paid-first",
  choose: (ready) => ready.find(({ note }) => note === "paid") ?? ready[0],
};

const fetch = createRotatingFetch({
  provider,
  keys: keys.map((secret, place) => ({ secret, id: `key-${place + 1}`, note: place === 0 ? "paid" : "free" })),
  baseURL,
  strategy: paidFirst,
});
fetch.rotator.on("attempt-failed", ({ keyId, status }) => console.log(`${keyId} answered ${status}`));
fetch.rotator.on("key-selected", ({ keyId }) => console.log(`chosen: ${keyId}`));

for (let call = 1; call <= 3; call++) {
  const response = await fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Say hello." }] }),
  });
  await response.body?.cancel();
  console.log(`call ${call}: ${response.status}`);
  if (!response.ok) process.exitCode = 1;
}
