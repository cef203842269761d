import { sha1 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { anchored } from "./anchored.ts";
import { answering } from "./answering.ts";
import { buckets } from "./buckets.ts";
import { calendar } from "./calendar.ts";
import { changing } from "./changing.ts";
import { concurrency } from "./concurrency.ts";
import { cooldowns } from "./cooldowns.ts";
import { opening } from "./opening.ts";
import { reading } from "./reading.ts";
import { renewing } from "./renewing.ts";
import { reserving } from "./reserving.ts";
import { rolling } from "./rolling.ts";
import { settling } from "./settling.ts";

/** One script for everything, so that reports travel with the next question and all of it is one atomic step. */
export const scriptText = [
  opening,
  rolling,
  calendar,
  anchored,
  concurrency,
  cooldowns,
  buckets,
  where("request.c or request.s", changing + settling),
  where("request.l", renewing),
  where("request.r", reserving),
  where("request.q or request.h", reading),
  answering,
].join("");

function where(isAsked: string, definitions: string): string {
  return `if ${isAsked} then${definitions}end\n`;
}

/** The name under which a server keeps it. */
export const scriptSha: string = bytesToHex(sha1(utf8ToBytes(scriptText)));
