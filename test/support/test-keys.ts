import { randomBytes } from "node:crypto";

/** A secret of this run only. */
export function newSecret(): string {
  return `test-${randomBytes(16).toString("hex")}`;
}

export function newSecrets(count: number): string[] {
  return Array.from({ length: count }, newSecret);
}
