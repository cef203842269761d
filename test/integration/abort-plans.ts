import type { Random } from "../../src/types.ts";
import { type Face, type Pool, troubleFor } from "./abort-pools.ts";
import type { Play } from "./abort-provider.ts";

/** When a call is aborted. */
type Moment =
  | { readonly at: "never" | "before" | "same-tick" | "headers" | "end" }
  | { readonly at: "microtask" | "macrotask" | "chunk"; readonly count: number }
  | { readonly at: "timer"; readonly ms: number }
  | { readonly at: "key-selected" | "request-queued" | "attempt-failed" | "upload" };

export type Upload = "text" | "form" | "stream" | "long-stream" | "iterable" | "hanging-iterable";

/** What is done with the answer. */
type Reading = "text" | "chunks" | "wait-then-read" | "cancel" | "drop";

/** One call, drawn. */
export interface Plan {
  readonly index: number;
  readonly pool: Pool;
  readonly face: Face;
  /** What the provider knows it by; calls that may share an answer have the same. */
  readonly name: string;
  readonly isShared: boolean;
  readonly plays: readonly Play[];
  readonly upload: Upload;
  readonly input: "string" | "url" | "request";
  readonly reading: Reading;
  readonly moment: Moment;
  /** What is given to `abort()`. */
  readonly reason: readonly unknown[];
}

export class Draw {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  upTo(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.upTo(choices.length)] as T;
  }
}

function poolFor(draw: Draw, pools: readonly Pool[]): Pool {
  let left = draw.upTo(pools.reduce((sum, { share }) => sum + share, 0));
  for (const pool of pools) {
    left -= pool.share;
    if (left < 0) return pool;
  }
  return pools[0] as Pool;
}

function goodPlay(draw: Draw, isShort: boolean): Play {
  const isSlow = draw.chance(0.3);
  const longest = isShort ? 30 : 25;
  return {
    kind: draw.oneOf(["json", "stream", "stream"]),
    headersMs: isSlow ? draw.upTo(60) : undefined,
    pieces: 1 + draw.upTo(5),
    pieceMs: draw.chance(0.6) ? draw.upTo(longest) : 0,
    padding: draw.chance(0.1) ? 200_000 : draw.upTo(200),
  };
}

function playsFor(draw: Draw, pool: Pool, upload: Upload): readonly Play[] {
  const isOneTry = upload === "long-stream";
  const redirects: Play[] = !isOneTry && draw.chance(0.1) ? [{ kind: "redirect" }] : [];
  const troubles = isOneTry ? [] : troubleFor(pool.trouble, pool.rotator.provider.name, draw.random);
  return [...redirects, ...troubles, goodPlay(draw, pool.trouble === "short-bounds")];
}

function momentFor(draw: Draw, { trouble }: Pool, upload: Upload): Moment {
  // Nothing comes of these, so they are always given up.
  const isEndless = upload === "hanging-iterable" || trouble === "long-pause";
  const kind = draw.upTo(isEndless ? 6 : 14);
  if (kind === 0) return { at: draw.oneOf(["before", "same-tick"]) };
  if (kind === 1) return { at: "microtask", count: 1 + draw.upTo(8) };
  if (kind === 2) return { at: "macrotask", count: 1 + draw.upTo(6) };
  if (kind <= 4) return { at: "timer", ms: draw.upTo(60) };
  if (kind === 5) return upload === "text" || upload === "form" ? { at: "timer", ms: draw.upTo(15) } : { at: "upload" };
  if (kind <= 7) return { at: draw.oneOf(["key-selected", "request-queued", "attempt-failed"]) };
  if (kind === 8) return { at: "headers" };
  if (kind <= 10) return { at: "chunk", count: 1 + draw.upTo(4) };
  if (kind === 11) return { at: "timer", ms: draw.upTo(120) };
  return { at: draw.oneOf(["never", "end"]) };
}

function reasonFor(draw: Draw): readonly unknown[] {
  return draw.oneOf<readonly unknown[]>([[], [new Error("the caller's own")], ["a string"], [undefined]]);
}

/** The plan of a call; `draw` is its own, and `shared` what those of its neighbourhood have in common. */
export function planCall(index: number, pools: readonly Pool[], draw: Draw, shared: Draw): Plan {
  const isShared = draw.chance(0.2);
  const common = isShared ? shared : draw;
  const pool = poolFor(common, pools);
  const upload = common.chance(0.75)
    ? "text"
    : isShared
      ? "text"
      : draw.oneOf<Upload>(["form", "stream", "long-stream", "iterable", "hanging-iterable"]);
  const plays = playsFor(common, pool, upload);
  const faces = pool.faces.filter(({ isCached }) => !isShared || isCached);
  const moment = momentFor(draw, pool, upload);
  const readings: Record<string, readonly Reading[]> = {
    chunk: ["chunks"],
    end: ["chunks", "text"],
    never: ["text", "chunks", "cancel", "drop"],
  };
  return {
    index,
    pool,
    face: draw.oneOf(faces),
    name: isShared ? `shared-${Math.floor(index / 8)}` : `call-${index}`,
    isShared,
    plays,
    upload,
    input: draw.oneOf(["string", "string", "string", "url", "request"]),
    reading: draw.oneOf(readings[moment.at] ?? ["chunks", "chunks", "chunks", "wait-then-read", "cancel", "drop"]),
    moment,
    reason: reasonFor(draw),
  };
}

/** A plan as a failure shows it. */
export function described({
  index,
  pool,
  face,
  plays,
  upload,
  input,
  reading,
  moment,
  isShared,
  reason,
}: Plan): string {
  const { isCached, isDeaf } = face;
  const facts = {
    pool: pool.name,
    moment,
    reading,
    upload,
    input,
    isCached,
    isShared,
    isDeaf,
    plays,
    reason: String(reason[0]),
  };
  return `call ${index} ${JSON.stringify(facts)}`;
}
