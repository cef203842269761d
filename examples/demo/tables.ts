import type { KeySnapshot } from "rotating-fetch";
import type { RequestRecord } from "./request-log.ts";
import type { Colors } from "./terminal.ts";

interface Column {
  readonly title: string;
  readonly width: number;
  readonly alignment: "left" | "right";
}

const requestColumns: readonly Column[] = [
  { title: "#", width: 2, alignment: "right" },
  { title: "request", width: 22, alignment: "left" },
  { title: "key", width: 14, alignment: "left" },
  { title: "status", width: 7, alignment: "left" },
  { title: "tries", width: 5, alignment: "right" },
  { title: "ms", width: 6, alignment: "right" },
  { title: "characters", width: 10, alignment: "right" },
];

const keyColumns: readonly Column[] = [
  { title: "key", width: 14, alignment: "left" },
  { title: "tries", width: 5, alignment: "right" },
  { title: "failed", width: 6, alignment: "right" },
  { title: "state", width: 44, alignment: "left" },
];

export function requestHeading(colors: Colors): string {
  return colors.dim(rowOf(requestColumns, titlesOf(requestColumns)));
}

export function requestRow(record: RequestRecord, masks: ReadonlyMap<string, string>, colors: Colors): string {
  const { state, startedAt, endedAt, answerLength, keyId } = record;
  const elapsedMs = state === "running" ? performance.now() - startedAt : endedAt - startedAt;
  const row = rowOf(requestColumns, [
    String(record.number),
    `${record.prompt} ${record.isStreamed ? "(stream)" : ""}`,
    keyId === undefined ? "" : (masks.get(keyId) ?? "not known yet"),
    statusOf(record),
    record.tries === 0 ? "" : String(record.tries),
    state === "pending" ? "" : elapsedMs.toFixed(0),
    answerLength === 0 ? "" : String(answerLength),
  ]);
  if (state === "failed") return colors.red(row);
  if (state === "succeeded") return record.failovers > 0 ? colors.yellow(row) : colors.green(row);
  return state === "pending" ? colors.dim(row) : row;
}

export function keyTable(keys: readonly KeySnapshot[], colors: Colors): string[] {
  const rows = keys.map((key) => {
    const { masked, used, failures, state } = key;
    const row = rowOf(keyColumns, [masked ?? key.id, String(used), String(failures), stateOf(key)]);
    return state === "ready" ? colors.green(row) : colors.yellow(row);
  });
  return [colors.dim(rowOf(keyColumns, titlesOf(keyColumns))), ...rows];
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function statusOf({ state, status }: RequestRecord): string {
  if (state === "pending") return "";
  if (state === "running") return "running";
  return status === undefined ? "none" : String(status);
}

function stateOf({ state, cooldowns }: KeySnapshot): string {
  const [longest] = [...cooldowns].sort((one, other) => other.endsInMs - one.endsInMs);
  if (longest === undefined) return state;
  return `${state}, ready in ${seconds(longest.endsInMs)} (${longest.reason})`;
}

function titlesOf(columns: readonly Column[]): string[] {
  return columns.map(({ title }) => title);
}

function rowOf(columns: readonly Column[], cells: readonly string[]): string {
  const padded = columns.map(({ width, alignment }, place) => {
    const cell = (cells[place] ?? "").slice(0, width);
    return alignment === "right" ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join("  ").trimEnd();
}
