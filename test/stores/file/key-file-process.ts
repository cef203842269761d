import { KeyRotator } from "../../../src/index.ts";
import { KeyFile, StateFileError } from "../../../src/node.ts";

/** A process with a rotator whose operators' changes are in a file. Says in one line how it went, then does what its mode says. */
const [, , mode, path = ""] = process.argv;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function open(): KeyFile {
  try {
    return KeyFile.open({ path, storeSecrets: true });
  } catch (error) {
    say(StateFileError.isInstance(error) ? `refused ${error.problem}` : String(error));
    process.exit(3);
  }
}

const keyStore = open();
const rotator = new KeyRotator({ keys: ["test-first-of-the-process", "test-second-of-the-process"], keyStore });
if (mode === "busy") {
  let count = 0;
  const { keys } = await rotator.snapshot();
  const id = keys[0]?.id as string;
  const work = (): void => {
    rotator.update(id, { note: `note ${++count}`, weight: count });
    setImmediate(work);
  };
  rotator.disable(keys[1]?.id as string, "too expensive");
  await rotator.flushed();
  work();
}
if (mode === "change") {
  const { keys } = await rotator.snapshot();
  rotator.update(keys[0]?.id as string, { note: "from the first process" });
  rotator.remove(keys[1]?.id as string);
  await rotator.flushed();
}
if (mode === "exit") {
  const { keys } = await rotator.snapshot();
  await rotator.flushed();
  rotator.update(keys[0]?.id as string, { note: "written at exit" });
  // The write has begun, and nobody waits for it.
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
}
say("open");
if (mode === "exit") process.exit(0);
if (mode === "hold" || mode === "busy") setInterval(() => {}, 60_000);
