/** Merges the two feeds of alerts into one list, newest first. Pure functions. */
import type { ColumnName } from "../generated/schema";
import type { FeedView } from "../socket/feed-state";
import type { Row, Value } from "../socket/messages";

export type AlertKind = "high" | "low";

export interface AlertRow {
  /** Unique in the list: a symbol breaks its high (or low) of the day only once at each price. */
  readonly key: string;
  readonly kind: AlertKind;
  readonly symbol: string;
  readonly value: (column: ColumnName) => Value;
  /** Start of the bar with the new high or low, in epoch milliseconds. */
  readonly timeMs: Value;
}

/** The alerts of a feed, oldest first. */
export function alertRows(kind: AlertKind, view: FeedView): AlertRow[] {
  return view.events.map((row) => alertRow(kind, (name) => view.value(row, name), row));
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
