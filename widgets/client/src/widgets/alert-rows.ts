/** Merges the feeds of alerts into one list, newest first. Pure functions. */
import type { ColumnName } from "../generated/schema";
import type { FeedView } from "../socket/feed-state";
import type { Row, Value } from "../socket/messages";

export type AlertKind = "high" | "low" | "halt";

/** What happened: a sign, its colour, and words. */
export interface Happening {
  readonly sign: string;
  readonly look: "up" | "down" | "muted";
  readonly words: string;
}

export interface AlertRow {
  /** Unique in the list. A symbol breaks its high (or low) of the day only once at each price. */
  readonly key: string;
  readonly kind: AlertKind;
  readonly symbol: string;
  readonly happening: Happening;
  readonly value: (column: ColumnName) => Value;
  /** Start of the bar with the new high or low, or time of the halt or its end, in epoch milliseconds. */
  readonly timeMs: Value;
}

type Read = AlertRow["value"];

const RANGE_COLUMNS: readonly ColumnName[] = [
  "price",
  "level",
  "start_timestamp",
  "pct_change",
  "relative_volume",
];
/** The columns that the list reads, by the kind of alert. A feed of alerts has about three times as many. */
export const ALERT_COLUMNS: Readonly<Record<AlertKind, readonly ColumnName[]>> = {
  high: RANGE_COLUMNS,
  low: RANGE_COLUMNS,
  halt: [
    "kind",
    "timestamp",
    "last_price",
    "last_timestamp",
    "close",
    "end_timestamp",
    "pct_change",
    "relative_volume",
  ],
};

const HIGH: Happening = { sign: "▲", look: "up", words: "new high" };
const LOW: Happening = { sign: "▼", look: "down", words: "new low" };
const HALTED = 1;
const RESUMED = 0;

/** The alerts of a feed, oldest first. */
export function alertRows(kind: AlertKind, view: FeedView): AlertRow[] {
  const rowOf = kind === "halt" ? haltRow : rangeRow(kind);
  return view.events.map((row) => rowOf((name) => view.value(row, name), row));
}

/**
 * The newest `count` alerts of several lists, newest first. Each list is oldest first.
 *
 * Of two alerts with the same time in one list, the one that arrived later comes first.
 */
export function newestFirst(lists: readonly (readonly AlertRow[])[], count: number): AlertRow[] {
  const all = lists.flatMap((list) => [...list].reverse());
  return all.sort((a, b) => (b.timeMs ?? 0) - (a.timeMs ?? 0)).slice(0, count);
}

const rangeRow =
  (kind: "high" | "low") =>
  (value: Read, [symbol]: Row): AlertRow => {
    const timeMs = value("start_timestamp");
    const key = `${kind}:${symbol}:${timeMs}:${value("price")}`;
    return { key, kind, symbol, happening: kind === "high" ? HIGH : LOW, value, timeMs };
  };

/** A halt or its end. Its price is that of the newest trade, or of the newest bar if that is later. */
function haltRow(value: Read, [symbol]: Row): AlertRow {
  const timeMs = value("timestamp");
  const code = value("kind");
  return {
    key: `halt:${symbol}:${timeMs}:${code}`,
    kind: "halt",
    symbol,
    happening: haltHappening(code),
    value: (name) => (name === "price" ? newestPrice(value) : value(name)),
    timeMs,
  };
}

function haltHappening(code: Value): Happening {
  if (code === HALTED) return { sign: "■", look: "muted", words: "halted" };
  return { sign: "►", look: "muted", words: code === RESUMED ? "resumed" : "trades again" };
}

function newestPrice(value: Read): Value {
  const tradeMs = value("last_timestamp");
  const barEndMs = value("end_timestamp");
  // A bar ends before its last millisecond has passed: a trade of that millisecond is in it.
  const isBar = tradeMs === null || (barEndMs !== null && barEndMs - 1 > tradeMs);
  return isBar ? value("close") : value("last_price");
}
