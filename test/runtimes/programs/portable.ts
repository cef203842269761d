import process from "node:process";
import type { Environment } from "../suite/environment.ts";
import { runSuite } from "../suite/suite.ts";

/** Fetches what to work with from the driver, runs the suite, and reports. It must end by itself: nothing may be left running. */
const [, , address] = process.argv;
if (address === undefined) throw new Error("Expected the driver's address");
const environment = (await (await fetch(address)).json()) as Environment;
const outcomes = await runSuite(environment);
await (await fetch(address, { method: "POST", body: JSON.stringify(outcomes) })).text();
