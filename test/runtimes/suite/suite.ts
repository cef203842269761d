import { bodies } from "./bodies.ts";
import { calls } from "./calls.ts";
import { type Case, CaseContext } from "./case-context.ts";
import type { Environment, Outcome } from "./environment.ts";
import { redirects } from "./redirects.ts";
import { streams } from "./streams.ts";
import { waits } from "./waits.ts";

/** A case that hangs must not take the others with it. Milliseconds. */
const longestCaseMs = 10_000;

/** What holds in every runtime. Uses nothing that only one of them has. */
export const suite: readonly Case[] = [...calls, ...bodies, ...streams, ...waits, ...redirects];

/** Runs the cases one after the other; a case that fails is told, not thrown. */
export async function runSuite(environment: Environment): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [place, one] of suite.entries()) outcomes.push(await runCase(one, environment, place));
  return outcomes;
}

async function runCase({ name, run }: Case, environment: Environment, place: number): Promise<Outcome> {
  const context = new CaseContext(environment, `case-${place}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Took longer than ${longestCaseMs} ms`)), longestCaseMs);
  });
  try {
    await Promise.race([run(context), late]);
    await context.end();
    return { name, ok: true };
  } catch (error) {
    await context.end().catch(() => undefined);
    return { name, ok: false, error: withoutKeys(error, environment) };
  } finally {
    clearTimeout(timer);
  }
}

function withoutKeys(error: unknown, { keys }: Environment): string {
  let text =
    error instanceof Error ? (error.stack?.includes(error.message) ? error.stack : String(error)) : String(error);
  for (const [role, secret] of Object.entries(keys)) text = text.replaceAll(secret, `<${role}>`);
  return text;
}
