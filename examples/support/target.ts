import { startEmulatedProvider } from "./emulated-provider.ts";
import { type ProviderSettings, readSettings } from "./settings.ts";

/** The provider an example talks to. Closing it ends an emulator and leaves a real one alone. */
export interface Target extends ProviderSettings, AsyncDisposable {}

/** The provider of the environment, or an emulated one. */
export async function openTarget(): Promise<Target> {
  const settings = readSettings(process.env);
  if (settings !== undefined) return { ...settings, [Symbol.asyncDispose]: async () => {} };
  const emulated = await startEmulatedProvider();
  return { ...emulated.settings, [Symbol.asyncDispose]: emulated.stop };
}
