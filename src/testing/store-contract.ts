import type { Awaitable } from "../types.ts";
import { claimsContract, synchronousContract } from "./contract/capabilities.ts";
import { type Claims, claimsOf, reasons } from "./contract/claims.ts";
import {
  type ContractSuite,
  ContractWorld,
  type StoreContractOptions,
  type StoreMaker,
} from "./contract/contract-world.ts";
import { cooldownContract, probeContract } from "./contract/cooldowns.ts";
import { calendarDumpingContract, dumpingContract } from "./contract/dumping.ts";
import {
  callerContract,
  claimContract,
  pinContract,
  raisingContract,
  sharedClaimContract,
  sharedPinContract,
} from "./contract/extras.ts";
import { leaseContract, processContract } from "./contract/leases.ts";
import { reservingContract } from "./contract/reserving.ts";
import { concurrencyContract, readingContract, settlingContract } from "./contract/settling.ts";
import { persistingContract, sharedContract, watchingContract, watchingOthersContract } from "./contract/sharing.ts";
import { leaveOut, type TestRunner } from "./contract/test-runner.ts";
import { anchoredContract, calendarContract, rollingContract } from "./contract/windows.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";

/**
 * Registers the tests that every store has to pass, with the test runner's own `describe` and `it`. Each test asks
 * `makeStore` for an empty store; what fails throws and says what was expected. What the store does not claim in
 * `capabilities` is left out by name: as a skipped test with its reason, or, where a runner gives no way to skip, as one that
 * says so.
 *
 * @example
 * describe("MyStore", () => {
 *   storeContract(
 *     { describe, it },
 *     ({ clock, random }) => ({
 *       store: new MyStore({ clock, random }),
 *       advance: (ms) => clock.advance(ms),
 *     }),
 *     { capabilities: { synchronous: true } },
 *   );
 * });
 */
export function storeContract(runner: TestRunner, makeStore: StoreMaker, options: StoreContractOptions = {}): void {
  const claims = claimsOf(options.capabilities);
  const suite: ContractSuite = {
    test: (name, body) => runner.it(name, () => withWorld(makeStore, options, body)),
  };
  const part = (name: string, register: (suite: ContractSuite) => void, ...needed: readonly (keyof Claims)[]): void => {
    const lacking = needed.find((capability) => !claims[capability]);
    runner.describe(name, () => (lacking === undefined ? register(suite) : leaveOut(runner, reasons[lacking])));
  };
  part("capabilities", (each) => claimsContract(each, claims));
  part("reserving", reservingContract);
  part("rolling windows", rollingContract);
  part("anchored windows", anchoredContract);
  part("calendar windows", calendarContract, "wallClock");
  part("concurrency", concurrencyContract);
  part("open reservations", claims.shared ? leaseContract : processContract);
  part("settling", settlingContract);
  part("needs of a caller", callerContract);
  part("what is used at least", raisingContract);
  part("pins", pinContract, "pins");
  part("claims", claimContract, "claims");
  part("reading", readingContract);
  part("cooldowns", cooldownContract);
  part("probes", probeContract);
  part("answers at once", synchronousContract, "synchronous");
  part("watching", watchingContract, "watches");
  part("sharing", sharedContract, "shared");
  part("pins of another handle", sharedPinContract, "pins", "shared");
  part("claims of several handles", sharedClaimContract, "claims", "shared");
  part("watching another handle", watchingOthersContract, "watches", "shared");
  part("persisting", persistingContract, "persists");
  part("dumping", () => dumpingContract(runner, makeStore, options), "dumps");
  part("dumping calendar windows", () => calendarDumpingContract(runner, makeStore, options), "dumps", "wallClock");
}

async function withWorld(
  makeStore: StoreMaker,
  options: StoreContractOptions,
  body: (world: ContractWorld) => Awaitable<void>,
): Promise<void> {
  const clock = new FakeClock({ monotonic: 5000 });
  const underTest = await makeStore({ clock, random: seededRandom(20_260_101) });
  const world = new ContractWorld(underTest, clock, options.slackMs ?? 0);
  try {
    await body(world);
  } finally {
    await world.close();
  }
}
