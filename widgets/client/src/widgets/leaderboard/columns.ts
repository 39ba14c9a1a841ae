/** The columns of a leaderboard: names of the feed, how wide, how written. */
import {
  direction,
  formatChange,
  formatCompact,
  formatInteger,
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
}

export const SYMBOL = "symbol";
export const SYMBOL_WIDTH_PX = 66;

/** The bar is full at five times the average volume; beyond that, only the number tells. */
export const FULL_BAR_RELATIVE_VOLUME = 5;

export const BOARD_COLUMNS: readonly BoardColumn[] = [
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
];

/** Not a column of the feed, whose order it is. */
export const RANK_COLUMN: BoardColumn = {
  name: "rank",
  title: "#",
  widthPx: 34,
  format: formatInteger,
};

/** Who comes first where there is not room for all; the quote shows the others of the selected symbol. */
const BY_IMPORTANCE: readonly string[] = [
  "close",
  "pct_change",
  "accumulated_volume",
  "pct_change_since_open",
  "relative_volume",
  "free_float",
  "change",
  "avg_volume",
  "aggregate_vwap",
  "day_high",
  "day_low",
  "prev_day_close",
  "official_open_price",
];

/** The most important columns that fit `widthPx` as a whole beside rank and symbol, in the order of the board. */
export function fittingColumns(widthPx: number): BoardColumn[] {
  let leftPx = widthPx - RANK_COLUMN.widthPx - SYMBOL_WIDTH_PX;
  const fitting = new Set<string>();
  for (const name of BY_IMPORTANCE) {
    leftPx -= BOARD_COLUMNS.find((column) => column.name === name)?.widthPx ?? 0;
    if (leftPx < 0) break;
    fitting.add(name);
  }
  return BOARD_COLUMNS.filter(({ name }) => fitting.has(name));
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
