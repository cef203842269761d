import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { printTitle } from "../table.ts";
import { assertWatches, makeArms } from "./stream-arms.ts";
import { firstContent } from "./stream-first-content.ts";
import { peakMemory } from "./stream-memory.ts";
import { pacing } from "./stream-pacing.ts";
import { throughput } from "./stream-throughput.ts";

/** What a streamed answer costs on its way through, against the bare `fetch`. */
export async function streams(): Promise<void> {
  printTitle("(h) streamed answers over loopback, against the bare fetch");
  const child = fork(fileURLToPath(new URL("../processes/stream-server.ts", import.meta.url)));
  try {
    const [{ baseURL }] = (await once(child, "message")) as [{ baseURL: string }];
    await assertWatches(baseURL);
    const arms = makeArms(baseURL);
    await firstContent(arms);
    await throughput(arms);
    await peakMemory(baseURL);
    await pacing(arms);
  } finally {
    child.disconnect();
  }
}
