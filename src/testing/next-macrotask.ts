/** Taken when the module is loaded, so that a test runner's fake timers do not stop it. */
const platformSetImmediate = globalThis.setImmediate as typeof setImmediate | undefined;

/** Settles after everything that is queued now: promises, and what the platform has waiting. */
export function nextMacrotask(): Promise<void> {
  if (platformSetImmediate !== undefined) return new Promise((resolve) => platformSetImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
