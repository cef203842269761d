import { assertRotates, callRow, handWritten, plainInit, stub, wrapper } from "../calls.ts";
import { makeKeys } from "../library.ts";
import { compare, type Row, roundsOf } from "../measure.ts";
import { throughKy, throughPRetry, throughStack } from "../peers.ts";
import { figure, printGoal, printTable, printTitle, spreadText } from "../table.ts";

const bare = "bare fetch";
const byHand = "round robin by hand";
const ours = "rotating-fetch";
const stack = "p-queue + p-retry + 2 x rate-limiter-flexible + round robin";

/** The same call through what is used for parts of the same job. */
export async function otherTools(): Promise<void> {
  printTitle("(b) the same call through other tools: three keys, headers in a plain object");
  const keys = makeKeys(3);
  const stacked = await throughStack(keys, stub);
  await assertRotates(wrapper, plainInit);
  const rows: Row[] = [
    callRow(bare, stub, plainInit),
    callRow(byHand, handWritten(keys, stub), plainInit),
    callRow(ours, wrapper(keys, stub), plainInit),
    callRow("p-retry + round robin", await throughPRetry(handWritten(keys, stub)), plainInit),
    callRow("ky + round robin", await throughKy(handWrittenForRequests(keys)), plainInit),
    callRow(stack, stacked, plainInit),
  ];
  const timings = await compare(rows, { rounds: roundsOf(60) });
  printTable(
    ["call", "ns", "over bare fetch, ns", "x by hand", "x the stack"],
    rows.map(({ name }) => [
      name,
      spreadText(timings.nanoseconds(name)),
      figure(timings.difference(name, bare).median),
      spreadText(timings.ratio(name, byHand)),
      figure(timings.ratio(name, stack).median),
    ]),
  );
  printGoal("against the stack", timings.ratio(ours, stack).median, 0.1, "x");
}

/** ky hands a `Request` to its fetch; the key goes into that. */
function handWrittenForRequests(keys: readonly string[]): typeof stub {
  let turn = 0;
  return (request, init) => {
    (request as unknown as Request).headers.set("authorization", `Bearer ${keys[turn++ % keys.length]}`);
    return stub(request, init);
  };
}
