/** The columns of a leaderboard: names of the feed, how wide, how written. */
import {
  direction,
  formatChange,
  formatCompact,
  formatDuration,
  formatInteger,
  formatMarketTime,
  formatMultiple,
  formatPercent,
  formatPrice,
} from "../../format";
import type { Value } from "../../socket/messages";

export interface BoardColumn {
  /** The feed's name of the column. */
  readonly name: string;
  readonly title: string;
  /** The least width; what is left of a board is shared out in proportion. */
  readonly widthPx: number;
  readonly format: (value: Value) => string;
  /** Colours the value by its sign. */
  readonly signed?: boolean;
  /** Shows the direction of the last change by an arrow. */
  readonly tick?: boolean;
  /** Flashes when it changes. Not every column: what changes with each trade would flash without end. */
  readonly flash?: boolean;
  /** Draws a bar under the value, of the length of `relative_volume`. */
  readonly bar?: boolean;
  /** The number stands for a word, which the page's configuration has. */
  readonly coded?: boolean;
}

export const SYMBOL = "symbol";
export const SYMBOL_WIDTH_PX = 68;

/** The bar is full at five times the average volume; beyond that, only the number tells. */
export const FULL_BAR_RELATIVE_VOLUME = 5;

/** Every column that a board may show, in the order in which a board shows it. */
export const BOARD_COLUMNS: readonly BoardColumn[] = [
  { name: "halt_timestamp", title: "Halted at", widthPx: 72, format: formatMarketTime },
  { name: "is_halted", title: "Halted", widthPx: 58, format: formatInteger, coded: true },
  { name: "resume_timestamp", title: "Resumed", widthPx: 70, format: formatMarketTime },
  { name: "earliest_reopening_timestamp", title: "Reopens", widthPx: 70, format: formatMarketTime },
  {
    name: "close",
    title: "Price",
    widthPx: 72,
    format: formatPrice,
    tick: true,
    flash: true,
  },
  {
    name: "change",
    title: "Change",
    widthPx: 70,
    format: formatChange,
    signed: true,
    flash: true,
  },
  {
    name: "pct_change",
    title: "Chg %",
    widthPx: 72,
    format: formatPercent,
    signed: true,
    flash: true,
  },
  {
    name: "pct_change_since_open",
    title: "Open %",
    widthPx: 66,
    format: formatPercent,
    signed: true,
    flash: true,
  },
  {
    name: "accumulated_volume",
    title: "Volume",
    widthPx: 62,
    format: formatCompact,
    bar: true,
  },
  {
    name: "free_float",
    title: "Float",
    widthPx: 58,
    format: formatCompact,
  },
  {
    name: "relative_volume",
    title: "Rel vol",
    widthPx: 60,
    format: formatMultiple,
  },
  { name: "gap_pct", title: "Gap %", widthPx: 72, format: formatPercent, signed: true },
  { name: "trades_per_minute", title: "Trades/min", widthPx: 84, format: formatInteger },
  { name: "trade_volume", title: "Tape vol", widthPx: 66, format: formatCompact },
  { name: "trade_average_size", title: "Avg size", widthPx: 68, format: formatCompact },
  { name: "trade_largest_size", title: "Largest", widthPx: 64, format: formatCompact },
  { name: "trade_span_ms", title: "Span", widthPx: 62, format: formatDuration },
  { name: "trade_count", title: "Tape", widthPx: 52, format: formatInteger },
  { name: "last_price", title: "Last", widthPx: 70, format: formatPrice },
  { name: "last_size", title: "Last size", widthPx: 68, format: formatCompact },
  { name: "last_timestamp", title: "Last trade", widthPx: 76, format: formatMarketTime },
  { name: "pct_change_5m", title: "5 min %", widthPx: 70, format: formatPercent, signed: true },
  { name: "volume_5m", title: "5 min vol", widthPx: 74, format: formatCompact },
  { name: "relative_volume_5m", title: "5 min RV", widthPx: 74, format: formatMultiple },
  { name: "relative_volume_at_time", title: "RV now", widthPx: 64, format: formatMultiple },
  {
    name: "avg_volume",
    title: "Avg vol",
    widthPx: 66,
    format: formatCompact,
  },
  {
    name: "day_high",
    title: "High",
    widthPx: 70,
    format: formatPrice,
  },
  {
    name: "day_low",
    title: "Low",
    widthPx: 70,
    format: formatPrice,
  },
  {
    name: "aggregate_vwap",
    title: "VWAP",
    widthPx: 70,
    format: formatPrice,
  },
  {
    name: "prev_day_close",
    title: "Prev close",
    widthPx: 78,
    format: formatPrice,
  },
  {
    name: "official_open_price",
    title: "Open",
    widthPx: 70,
    format: formatPrice,
  },
  { name: "float_rotation", title: "Rotation", widthPx: 70, format: formatMultiple },
  { name: "vwap_distance_pct", title: "VWAP %", widthPx: 72, format: formatPercent, signed: true },
  { name: "new_high_count", title: "New highs", widthPx: 78, format: formatInteger },
  { name: "new_low_count", title: "New lows", widthPx: 74, format: formatInteger },
  { name: "halt_may_be_limit_pause", title: "Limit pause", widthPx: 86, format: formatInteger, coded: true },
  { name: "band_low", title: "Low band", widthPx: 72, format: formatPrice },
  { name: "band_high", title: "High band", widthPx: 76, format: formatPrice },
  { name: "nasdaq_listed", title: "Nasdaq", widthPx: 62, format: formatInteger, coded: true },
  { name: "short_sale_restricted", title: "SSR", widthPx: 46, format: formatInteger, coded: true },
];

const BY_NAME: ReadonlyMap<string, BoardColumn> = new Map(
  BOARD_COLUMNS.map((column) => [column.name, column]),
);

/** Not a column of the feed, whose order it is. */
export const RANK_COLUMN: BoardColumn = {
  name: "rank",
  title: "#",
  widthPx: 34,
  format: formatInteger,
};

/** Those of a feed's columns that a board can show, in their order: the most important first. */
export function showableColumns(names: readonly string[]): BoardColumn[] {
  return names.map((name) => BY_NAME.get(name)).filter((column) => column !== undefined);
}

/**
 * The most important of `columns` that fit `widthPx` as a whole beside rank and symbol, in the order of the board.
 *
 * The quote shows the others of the selected symbol.
 */
export function fittingColumns(columns: readonly BoardColumn[], widthPx: number): BoardColumn[] {
  let leftPx = widthPx - RANK_COLUMN.widthPx - SYMBOL_WIDTH_PX;
  const fitting = new Set<BoardColumn>();
  for (const column of columns) {
    leftPx -= column.widthPx;
    if (leftPx < 0) break;
    fitting.add(column);
  }
  return BOARD_COLUMNS.filter((column) => fitting.has(column));
}

/** Orders absent values last, whichever way a column is sorted. */
export function compareValues(a: Value, b: Value, descending: boolean): number {
  if (a === null && b === null) return 0;
  if (a === null) return descending ? -1 : 1;
  if (b === null) return descending ? 1 : -1;
  return a - b;
}

/** Length of the relative-volume bar, 0 to 1. */
export function barLength(relativeVolume: Value): number {
  return Math.min(1, Math.max(0, (relativeVolume ?? 0) / FULL_BAR_RELATIVE_VOLUME));
}

/** The class of a signed value. */
export function signClass(value: Value): string {
  const sign = direction(value);
  return sign === 1 ? "up" : sign === -1 ? "down" : "";
}
