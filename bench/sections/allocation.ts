import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Allocated } from "../processes/allocation.ts";
import { printGoal, printTable, printTitle, spreadText } from "../table.ts";

/** Bytes that a call takes from the heap. */
export async function allocation(): Promise<void> {
  printTitle("(e) bytes allocated per call, over the bare fetch with the same input");
  // A young generation that holds a whole batch can only be asked for when a process starts.
  const child = fork(fileURLToPath(new URL("../processes/allocation.ts", import.meta.url)), {
    execArgv: ["--expose-gc", "--min-semi-space-size=128", "--max-semi-space-size=128", "--import", "tsx"],
  });
  const [results] = (await once(child, "message")) as [readonly Allocated[]];
  printTable(
    ["call | headers given", "bytes"],
    results.map(({ who, input, added }) => [`${who} | ${input}`, spreadText(added)]),
  );
  for (const { who, input, added } of results) {
    if (who === "rotating-fetch") printGoal(input, added.median, 800, " B");
  }
}
