/** The columns of a leaderboard: their widths and visual effects. The generated schema has their definitions. */
import { explanation, formatColumn } from "../../format";
import { BOARD_COLUMNS, COLUMNS, type ColumnName, type Unit } from "../../generated/schema";
import type { Value } from "../../socket/messages";

export interface BoardColumn {
  /** The feed's name of the column. */
  readonly name: string;
  readonly title: string;
  /** The title's tooltip. */
  readonly explanation: string;
  /** The minimum width. The columns share the remaining width of a board in proportion. */
  readonly widthPx: number;
  readonly format: (value: Value) => string;
  /** Colours the value by its sign. */
  readonly signed: boolean;
  /** Shows the direction of the last change by an arrow. */
  readonly tick: boolean;
  /** Flashes when the value changes. Columns that change with each trade would flash all the time, so they do not. */
  readonly flash: boolean;
  /** Draws a bar under the value, of the length of `relative_volume`. */
  readonly bar: boolean;
}

export const SYMBOL = "symbol";
export const SYMBOL_WIDTH_PX = 68;

const TICKING: ReadonlySet<ColumnName> = new Set(["close"]);
const FLASHING: ReadonlySet<ColumnName> = new Set(["close", "change", "pct_change", "pct_change_since_open"]);
const WITH_BAR: ReadonlySet<ColumnName> = new Set(["accumulated_volume"]);

/** The width of the longest usual value of each unit. */
const VALUE_WIDTH_PX: Readonly<Record<Unit, number>> = {
  dollars: 70,
  percent: 66,
  ratio: 60,
  shares: 62,
  fractional_shares: 62,
  count: 52,
  epoch_ms: 70,
  duration_ms: 62,
  code: 46,
};
const ARROW_WIDTH_PX = 2;

/** The rank is not a column of the feed: it is the position in the order of the feed. */
export const RANK_COLUMN: BoardColumn = {
  name: "rank",
  title: "#",
  explanation: "Place on the board, from 1",
  widthPx: 34,
  format: (value) => (value === null ? "" : value.toFixed(0)),
  signed: false,
  tick: false,
  flash: false,
  bar: false,
};

/** The columns of a board, the most important first. A board that the schema does not have gets no columns. */
export function columnsOf(board: string): BoardColumn[] {
  return (BOARD_COLUMNS[board] ?? []).map(boardColumn);
}

function boardColumn(name: ColumnName): BoardColumn {
  const column = COLUMNS[name];
  const tick = TICKING.has(name);
  return {
    name,
    title: column.shortLabel,
    explanation: explanation(column),
    widthPx: Math.max(
      VALUE_WIDTH_PX[column.unit] + (tick ? ARROW_WIDTH_PX : 0),
      titleWidthPx(column.shortLabel),
    ),
    format: formatColumn(column),
    signed: column.signed,
    tick,
    flash: FLASHING.has(name),
    bar: WITH_BAR.has(name),
  };
}

const TITLE_PADDING_PX = 14;

/** The estimated width of a title in the font of the header. It cannot be measured: nothing is drawn yet. */
export function titleWidthPx(title: string): number {
  const letters = [...title].reduce((sum, letter) => sum + letterWidthPx(letter), 0);
  return Math.ceil(letters) + TITLE_PADDING_PX;
}

function letterWidthPx(letter: string): number {
  if (/[ijl.,' ]/.test(letter)) return 3.6;
  if (/[ftr/-]/.test(letter)) return 5;
  if (/[mwMW%]/.test(letter)) return 10.5;
  return /[A-Z]/.test(letter) ? 9 : 7.2;
}

/** The first of `columns` that fit into `widthPx` beside rank and symbol. The quote shows the others. */
export function fittingColumns(columns: readonly BoardColumn[], widthPx: number): BoardColumn[] {
  let leftPx = widthPx - RANK_COLUMN.widthPx - SYMBOL_WIDTH_PX;
  const tooMany = columns.findIndex((column) => {
    leftPx -= column.widthPx;
    return leftPx < 0;
  });
  return tooMany === -1 ? [...columns] : columns.slice(0, tooMany);
}

/** Compares two values. Absent values are last in both sort directions. */
export function compareValues(a: Value, b: Value, descending: boolean): number {
  if (a === null && b === null) return 0;
  if (a === null) return descending ? -1 : 1;
  if (b === null) return descending ? 1 : -1;
  return a - b;
}
