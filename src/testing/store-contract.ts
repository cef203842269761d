import type { Awaitable } from "../types.ts";
import {
  type ContractSuite,
  ContractWorld,
  type StoreContractOptions,
  type StoreMaker,
} from "./contract/contract-world.ts";
import { cooldownContract, probeContract } from "./contract/cooldowns.ts";
import { dumpingContract } from "./contract/dumping.ts";
import { reservingContract } from "./contract/reserving.ts";
import { concurrencyContract, readingContract, settlingContract } from "./contract/settling.ts";
import { anchoredContract, calendarContract, rollingContract } from "./contract/windows.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";

/** The two functions every test runner has. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/**
 * Registers the tests that every store has to pass, with the test runner's own `describe` and `it`. Each test asks
 * `makeStore` for an empty store; what fails throws and says what was expected.
 *
 * @example
 * describe("MyStore", () => {
 *   storeContract({ describe, it }, ({ clock, random }) => ({
 *     store: new MyStore({ clock, random }),
 *     advance: (ms) => clock.advance(ms),
 *   }));
 * });
 */
export function storeContract(runner: TestRunner, makeStore: StoreMaker, options: StoreContractOptions = {}): void {
  const suite: ContractSuite = {
    test: (name, body) => runner.it(name, () => withWorld(makeStore, options, body)),
  };
  const part = (name: string, register: (suite: ContractSuite) => void): void => {
    runner.describe(name, () => register(suite));
  };
  part("reserving", reservingContract);
  part("rolling windows", rollingContract);
  part("anchored windows", anchoredContract);
  if (options.wallClock !== false) part("calendar windows", calendarContract);
  part("concurrency", concurrencyContract);
  part("settling", settlingContract);
  part("reading", readingContract);
  part("cooldowns", cooldownContract);
  part("probes", probeContract);
  runner.describe("dumping", () => dumpingContract(runner, makeStore, options));
}

async function withWorld(
  makeStore: StoreMaker,
  options: StoreContractOptions,
  body: (world: ContractWorld) => Awaitable<void>,
): Promise<void> {
  const clock = new FakeClock({ monotonic: 5000 });
  const underTest = await makeStore({ clock, random: seededRandom(20_260_101) });
  try {
    await body(new ContractWorld(underTest, clock, options.slackMs ?? 0));
  } finally {
    await underTest.store.close?.();
  }
}
