import { ErrorClassifier } from "rotating-fetch";
import type { Provider } from "../../../src/judgement/provider.ts";
import type { Classification, ClassificationContext } from "../../../src/types.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly context?: ClassificationContext;
}

/** A name, an answer, and what must be made of it. */
export type Row = readonly [name: string, answer: Answer, expected: Partial<Classification>];

/** Noon UTC, a Friday: four in the morning in California. */
export const noon = Date.parse("2026-11-20T12:00:00Z");

export function judgeWith(provider: Provider): (answer: Answer) => Classification {
  const classifier = new ErrorClassifier({ provider });
  return (answer) => classifier.classify({ ...answer, now: noon });
}
