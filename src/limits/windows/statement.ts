import type { Bucket, Observation } from "../store.ts";
import type { Counter, Instant } from "./counter.ts";

/** A limit that a provider stated. Times are monotonic. */
export interface Statement {
  readonly kind: Bucket["kind"];
  readonly limit: number;
  readonly sentAt: number;
  readonly until: number;
}

/** Remembers it, unless what was sent later is known already. */
export function takeIn(counter: Counter, { bucket, limit, sentAt }: Observation, at: Instant): void {
  const { statement: known } = counter;
  if (known !== undefined && known.until > at.monotonic && known.sentAt > sentAt) return;
  counter.statement = { kind: bucket.kind, limit, sentAt, until: at.monotonic + holdsMs(bucket, at) };
}

function holdsMs({ kind, windowMs = 0, edges }: Bucket, { wall }: Instant): number {
  return kind === "calendar" ? (edges?.find((edge) => edge > wall) ?? wall) - wall : windowMs;
}

/** The limit that holds: the stated one, as long as it does, where it is lower. */
export function limitOf(counter: Counter, { limit }: Bucket, at: Instant): number {
  const { statement } = counter;
  if (statement === undefined) return limit;
  if (statement.until <= at.monotonic) counter.statement = undefined;
  else if (statement.limit < limit) return statement.limit;
  return limit;
}

/** As the counter's own `waitFor`. More than was stated waits until all of it is free, or until the statement ends. */
export function waitFor(counter: Counter, amount: number, bucket: Bucket, at: Instant): number {
  const { statement } = counter;
  if (statement === undefined) return counter.waitFor(amount, bucket, at);
  const limit = limitOf(counter, bucket, at);
  if (limit === bucket.limit || amount > bucket.limit) return counter.waitFor(amount, bucket, at);
  const fitting = Math.min(amount, Math.max(limit, 1));
  return Math.min(counter.waitFor(fitting, { ...bucket, limit }, at), statement.until - at.monotonic);
}
