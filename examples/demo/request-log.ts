import type { KeyRotator } from "rotating-fetch";

/** What is known of one request while it runs and after. */
export interface RequestRecord {
  readonly number: number;
  readonly prompt: string;
  readonly isStreamed: boolean;
  state: "pending" | "running" | "succeeded" | "failed";
  /** The key of the latest try. */
  keyId: string | undefined;
  /** Status of the latest try; `undefined` while there is no answer. */
  status: number | undefined;
  tries: number;
  /** Times it moved on to another key. */
  failovers: number;
  /** Milliseconds spent on tries that another key had to repeat. */
  lostMs: number;
  /** Milliseconds, as `performance.now()` gives them. */
  startedAt: number;
  endedAt: number;
  /** Characters of the answer so far. */
  answerLength: number;
  error: string | undefined;
}

export function createRecord(number: number, prompt: string, isStreamed: boolean): RequestRecord {
  return {
    number,
    prompt,
    isStreamed,
    state: "pending",
    keyId: undefined,
    status: undefined,
    tries: 0,
    failovers: 0,
    lostMs: 0,
    startedAt: 0,
    endedAt: 0,
    answerLength: 0,
    error: undefined,
  };
}

/** The tag that ties the rotator's events to a record. */
export function tagsOf(record: RequestRecord): Readonly<Record<string, string>> {
  return { request: String(record.number) };
}

/** Fills in what only the rotator knows: which key each try took and how it ended. */
export function followEvents(rotator: KeyRotator, records: readonly RequestRecord[]): void {
  const recordOf = (tags: Readonly<Record<string, string>> | undefined): RequestRecord | undefined =>
    records.find(({ number }) => String(number) === tags?.["request"]);
  /** What the latest failed try cost; only lost to failover once another key takes over. */
  const failedTries = new Map<RequestRecord, { readonly keyId: string; readonly elapsedMs: number }>();

  rotator.on("key-selected", ({ tags, keyId }) => {
    const record = recordOf(tags);
    if (record === undefined) return;
    const failed = failedTries.get(record);
    if (failed !== undefined && failed.keyId !== keyId) {
      record.failovers++;
      record.lostMs += failed.elapsedMs;
    }
    failedTries.delete(record);
    record.keyId = keyId;
    record.tries++;
  });
  rotator.on("attempt-succeeded", ({ tags, status }) => {
    const record = recordOf(tags);
    if (record !== undefined) record.status = status;
  });
  rotator.on("attempt-failed", ({ tags, status, keyId, elapsedMs }) => {
    const record = recordOf(tags);
    if (record === undefined) return;
    record.status = status ?? undefined;
    failedTries.set(record, { keyId, elapsedMs });
  });
}
