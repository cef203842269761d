/** Shows key rotation at work: `npm run demo`. Without settings in the environment, against an emulated provider. */
import { InvalidOptionsError } from "rotating-fetch";
import { startEmulatedProvider } from "../support/emulated-provider.ts";
import { type ProviderSettings, readSettings, SettingsError } from "../support/settings.ts";
import { runDemo } from "./run-demo.ts";
import { openOutput } from "./terminal.ts";

async function main(): Promise<number> {
  const settings = readSettings(process.env);
  if (settings !== undefined) return show(settings, settings.baseURL);
  const emulated = await startEmulatedProvider({ delayMs: 200 });
  try {
    return await show(emulated.settings, "an emulated provider, one of its keys at its limit");
  } finally {
    await emulated.stop();
  }
}

async function show(settings: ProviderSettings, place: string): Promise<number> {
  const output = openOutput(process.stdout, process.env);
  output.print(`${settings.keys.length} keys, model ${settings.model}, ${place}`, "");
  return (await runDemo(settings, output)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SettingsError || InvalidOptionsError.isInstance(error))) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
