import { loadTesting } from "../library.ts";

/** The emulated provider in a process of its own, so that it takes no time from the caller's event loop. */
async function main(): Promise<void> {
  const [limited, free] = process.argv.slice(2);
  if (limited === undefined || free === undefined) throw new Error("Expected two keys as arguments");
  const { createProviderEmulator, rateLimited } = await loadTesting();
  const emulator = createProviderEmulator({ keys: [limited, free] });
  emulator.key(limited).script([], rateLimited({ retryAfterSeconds: 1 }));
  await emulator.start();
  // The log would grow with every request.
  setInterval(() => emulator.clear(), 250).unref();
  process.send?.({ baseURL: emulator.baseURL });
  process.once("disconnect", () => void emulator.stop().then(() => process.exit(0)));
}

await main();
