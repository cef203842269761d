import { setImmediate as macrotask, setTimeout as sleep } from "node:timers/promises";
import { makeArms } from "../sections/stream-arms.ts";
import { bulkBytes } from "./stream-server.ts";

/** Bytes at their highest while a long body was read. */
export interface Peaks {
  readonly rss: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly heapUsed: number;
}

export type Pace = "steady" | "slow";

const sampleEveryMs = 20;
/** A slow reader rests this long after so many chunks: time enough for the server to send everything, if it were let. */
const restMs = 20;
const chunksBetweenRests = 64;

/** One way to get one long answer, in a process that does nothing else. */
async function main(): Promise<void> {
  const [baseURL = "", name = "", pace] = process.argv.slice(2);
  const arm = makeArms(baseURL).find((each) => each.name === name);
  if (arm === undefined) throw new Error(`No arm \`${name}\``);
  await readAll(await arm.ask("first"), "steady");
  globalThis.gc?.();
  const watch = new PeakWatch();
  const bytes = await readAll(await arm.ask("bulk"), pace as Pace);
  const peaks = watch.end();
  if (bytes < bulkBytes) throw new Error(`Expected more than ${bulkBytes} bytes, got ${bytes}`);
  process.send?.(peaks, () => process.exit(0));
}

class PeakWatch {
  readonly #peaks = { rss: 0, external: 0, arrayBuffers: 0, heapUsed: 0 };
  readonly #timer = setInterval(() => this.#sample(), sampleEveryMs);

  end(): Peaks {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peaks;
  }

  #sample(): void {
    const now = process.memoryUsage();
    for (const name of Object.keys(this.#peaks) as (keyof Peaks)[]) {
      this.#peaks[name] = Math.max(this.#peaks[name], now[name]);
    }
  }
}

async function readAll(response: Response, pace: Pace): Promise<number> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let bytes = 0;
  for (let chunks = 1; ; chunks++) {
    const { done, value } = await reader.read();
    if (done) return bytes;
    bytes += value.byteLength;
    if (pace === "slow" && chunks % chunksBetweenRests === 0) await sleep(restMs);
    else await macrotask();
  }
}

await main();
