import { KeyRotator } from "rotating-fetch";

const rotator = new KeyRotator({
  keys: [
    { id: "a", secret: "first-secret" },
    { id: "b", secret: "second-secret" },
  ],
  limits: [{ requests: 1, per: "minute" }],
});
const lease = await rotator.acquire();
// Send a request of any kind with `lease.secret`; then say how it ended.
console.log(`lent: ${lease.key.id}`);
lease.settle({ outcome: "success" });
console.log(`next: ${(await rotator.explain()).chosen}`);
