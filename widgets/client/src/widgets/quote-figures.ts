/** Figures that `<mdp-quote>` derives from the columns of one row of the market table. Pure functions. */
import type { ColumnName } from "../generated/schema";
import type { ColumnMark } from "../socket/feed-state";
import type { Value } from "../socket/messages";

/** Reads a column of the displayed row. */
export type Read = (column: ColumnName) => Value;

/** Reads what must be said beside the values of a column. */
export type ReadMark = (column: ColumnName) => ColumnMark;

export interface QuoteFigures {
  /** The price of the newest bar or, before the first bar, of the last trade. */
  readonly price: Value;
  /** The position of the price between the day's low (0) and high (1). */
  readonly rangePosition: Value;
  readonly vwapPosition: Value;
  /** The value of the shares traded today: their number times their average price. */
  readonly dollarVolume: Value;
}

export function quoteFigures(value: Read): QuoteFigures {
  const price = value("close") ?? value("last_price");
  const [low, high] = [value("day_low"), value("day_high")];
  return {
    price,
    rangePosition: positionInRange(price, low, high),
    vwapPosition: positionInRange(value("aggregate_vwap"), low, high),
    dollarVolume: product(value("accumulated_volume"), value("aggregate_vwap")),
  };
}

/** The product; absent if a factor is absent. */
function product(a: Value, b: Value): Value {
  return a === null || b === null ? null : a * b;
}

/** The position of a value from 0 (`low`) to 1 (`high`), clamped; `null` if a value is absent or the range is empty. */
export function positionInRange(value: Value, low: Value, high: Value): Value {
  if (value === null || low === null || high === null || high <= low) return null;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}
