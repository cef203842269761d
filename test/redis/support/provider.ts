import { type Arrival, createProviderEmulator, type ProviderEmulatorOptions } from "../../../src/testing/index.ts";

/** One request as the provider saw it: `at` in milliseconds on the provider's own clock. */
export type SeenRequest = Pick<Arrival, "at" | "account" | "judged" | "refusedBy">;

export type ProviderOrder = { readonly options: ProviderEmulatorOptions } | "forget" | "tell";

/** A provider in a process of its own: nothing else that a test does delays what it counts. */
let emulator: ReturnType<typeof createProviderEmulator> | undefined;

async function carryOut(order: ProviderOrder): Promise<unknown> {
  if (typeof order === "object") {
    emulator = createProviderEmulator(order.options);
    await emulator.start();
    return { url: emulator.url, baseURL: emulator.baseURL };
  }
  if (order === "forget") return emulator?.clear();
  return emulator?.arrivals.map(({ at, account, judged, refusedBy }) => ({ at, account, judged, refusedBy }));
}

process.on("message", (order: ProviderOrder) => {
  carryOut(order).then((answer) => process.send?.({ answer }));
});
process.on("disconnect", () => process.exit());
