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
  /** The narrowest board, in pixels, that shows the column; without it, the column is shown on each board wider than a phone's. */
  readonly fromBoardWidthPx?: number;
}

export const RANK = "rank";
export const SYMBOL = "symbol";
export const SYMBOL_WIDTH_PX = 70;

const WIDER_THAN_PHONE_PX = 440;

/** The bar is full at five times the average volume; beyond that, only the number tells. */
export const FULL_BAR_RELATIVE_VOLUME = 5;

export const BOARD_COLUMNS: readonly BoardColumn[] = [
  {
    name: "close",
    title: "Price",
    widthPx: 82,
    format: formatPrice,
    tick: true,
    flash: true,
    fromBoardWidthPx: 0,
  },
  {
    name: "change",
    title: "Change",
    widthPx: 78,
    fromBoardWidthPx: 640,
    format: formatChange,
    signed: true,
    flash: true,
  },
  {
    name: "pct_change",
    title: "Chg %",
    widthPx: 78,
    format: formatPercent,
    signed: true,
    flash: true,
    fromBoardWidthPx: 0,
  },
  {
    name: "pct_change_since_open",
    title: "Open %",
    widthPx: 80,
    format: formatPercent,
    signed: true,
    flash: true,
  },
  {
    name: "accumulated_volume",
    title: "Volume",
    widthPx: 74,
    format: formatCompact,
    bar: true,
    fromBoardWidthPx: 0,
  },
  {
    name: "free_float",
    title: "Float",
    widthPx: 72,
    format: formatCompact,
  },
  {
    name: "relative_volume",
    title: "Rel vol",
    widthPx: 74,
    format: formatMultiple,
  },
  {
    name: "avg_volume",
    title: "Avg vol",
    widthPx: 76,
    format: formatCompact,
  },
  {
    name: "day_high",
    title: "High",
    widthPx: 76,
    format: formatPrice,
  },
  {
    name: "day_low",
    title: "Low",
    widthPx: 76,
    format: formatPrice,
  },
  {
    name: "aggregate_vwap",
    title: "VWAP",
    widthPx: 76,
    format: formatPrice,
  },
  {
    name: "prev_day_close",
    title: "Prev close",
    widthPx: 84,
    format: formatPrice,
  },
  {
    name: "official_open_price",
    title: "Open",
    widthPx: 76,
    format: formatPrice,
  },
];

export const RANK_COLUMN: BoardColumn = {
  name: RANK,
  title: "#",
  widthPx: 40,
  format: formatInteger,
  fromBoardWidthPx: 0,
};

/** Names of the columns that do not fit on a board of `boardWidthPx`. */
export function hiddenColumns(boardWidthPx: number): string[] {
  const tooWide = ({ fromBoardWidthPx = WIDER_THAN_PHONE_PX }: BoardColumn) =>
    boardWidthPx < fromBoardWidthPx;
  return BOARD_COLUMNS.filter(tooWide).map(({ name }) => name);
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
