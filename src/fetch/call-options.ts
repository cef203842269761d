import type { CallOptions } from "../attempt/call.ts";
import { expectKnown, expectNumber, expectString, expectStringRecord, unexpected } from "../checks.ts";

const known: { readonly [name in keyof Required<CallOptions>]: true } = {
  deadline: true,
  priority: true,
  affinity: true,
  account: true,
  provider: true,
  tags: true,
};

/** Earlier instants than this, in 1973, are seconds since the epoch. */
const firstInstant = 1e11;

/** @throws InvalidOptionsError naming the option below `field`. */
export function expectCallOptions(field: string, value: unknown): CallOptions {
  expectKnown(field, value, known);
  const { deadline, priority, affinity, account, provider, tags } = value as CallOptions;
  if (deadline !== undefined) expectDeadline(`${field}.deadline`, deadline);
  if (priority !== undefined) expectNumber(`${field}.priority`, priority);
  if (affinity !== undefined) expectString(`${field}.affinity`, affinity);
  if (account !== undefined) expectString(`${field}.account`, account);
  if (provider !== undefined) expectString(`${field}.provider`, provider);
  if (tags !== undefined) expectStringRecord(`${field}.tags`, tags);
  return value as CallOptions;
}

function expectDeadline(field: string, deadline: unknown): void {
  expectNumber(field, deadline, { min: 0 });
  if ((deadline as number) < firstInstant) throw unexpected(field, "epoch milliseconds", deadline);
}
