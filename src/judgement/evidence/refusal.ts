import type { HeaderReader, LeaseFacts, RefusedAttempt } from "../../ports.ts";
import type { Classification } from "../../types.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** A refused attempt as advisors see it. What few of them ask for is made when they do. */
export class Refusal implements RefusedAttempt {
  readonly lease: LeaseFacts;
  readonly status: number | null;
  readonly classification: Classification;
  readonly headers: HeaderReader | undefined;
  readonly subject: unknown;
  readonly repeatable: boolean;
  readonly #body: string;
  #fingerprint: string | undefined;

  constructor(fields: Omit<RefusedAttempt, "fingerprint">, body: string) {
    this.lease = fields.lease;
    this.status = fields.status;
    this.classification = fields.classification;
    this.headers = fields.headers;
    this.subject = fields.subject;
    this.repeatable = fields.repeatable;
    this.#body = body;
  }

  get fingerprint(): string {
    this.#fingerprint ??=
      this.headers === undefined ? this.classification.kind : fingerprintOf(this.status, this.#body);
    return this.#fingerprint;
  }
}
