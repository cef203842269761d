import { FileStore, StateFileError } from "../../../src/node.ts";
import { countOne, takeOften } from "./counted.ts";

/** A process with a store in a file. Says in one line how opening it went, then does what its mode says. */
const [, , mode, path = ""] = process.argv;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function open(): FileStore {
  try {
    return FileStore.open({ path, saveEveryMs: mode === "busy" ? 10 : 60_000 });
  } catch (error) {
    say(StateFileError.isInstance(error) ? `refused ${error.problem}` : String(error));
    process.exit(3);
  }
}

const store = open();
if (mode === "busy") {
  const work = (): void => {
    takeOften(store, 300);
    setImmediate(work);
  };
  work();
  await store.save();
}
if (mode === "hold") setInterval(() => {}, 60_000);
if (mode === "end" || mode === "exit" || mode === "throw") countOne(store);
say("open");
if (mode === "exit") process.exit(0);
if (mode === "throw") throw new Error("thrown to end this process");
