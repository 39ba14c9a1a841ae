/** The two feeds of alerts as one list, the newest first. Pure. */
import type { ColumnName } from "../generated/schema";
import type { FeedView } from "../socket/feed-state";
import type { Row, Value } from "../socket/messages";

export type AlertKind = "high" | "low";

export interface AlertRow {
  /** Unique in the list: a symbol's high of the day is broken at each price once. */
  readonly key: string;
  readonly kind: AlertKind;
  readonly symbol: string;
  readonly value: (column: ColumnName) => Value;
  /** Start of the bar that broke it, epoch milliseconds. */
  readonly timeMs: Value;
}

/** What a feed holds, oldest first. */
export function alertRows(kind: AlertKind, view: FeedView): AlertRow[] {
  return view.events.map((row) => alertRow(kind, (name) => view.value(row, name), row));
}

/** The newest `count` of several lists that are each oldest first; of one time, in the order in which they arrived. */
export function newestFirst(lists: readonly (readonly AlertRow[])[], count: number): AlertRow[] {
  const all = lists.flatMap((list) => [...list].reverse());
  return all.sort((a, b) => (b.timeMs ?? 0) - (a.timeMs ?? 0)).slice(0, count);
}

function alertRow(kind: AlertKind, value: (column: ColumnName) => Value, [symbol]: Row): AlertRow {
  const timeMs = value("start_timestamp");
  return {
    key: `${kind}:${symbol}:${timeMs}:${value("price")}`,
    kind,
    symbol,
    value,
    timeMs,
  };
}
