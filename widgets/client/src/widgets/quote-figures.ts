/** What `<mdp-quote>` shows beside the columns of the feed: derived from one row of the market table. Pure. */
import type { ColumnName } from "../generated/schema";
import type { Value } from "../socket/messages";

/** Reads a column of the row that is shown. */
export type Read = (column: ColumnName) => Value;

export interface QuoteFigures {
  /** That of the newest bar, or of the last trade where no bar has come yet. */
  readonly price: Value;
  /** Where the price stands between the day's low (0) and high (1). */
  readonly rangePosition: Value;
  readonly vwapPosition: Value;
  /** Shares traded today times their average price: what they cost. */
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

/** Absent while a factor is. */
function product(a: Value, b: Value): Value {
  return a === null || b === null ? null : a * b;
}

/** 0 at `low`, 1 at `high`, kept within both; `null` when one is absent or the range has no width. */
export function positionInRange(value: Value, low: Value, high: Value): Value {
  if (value === null || low === null || high === null || high <= low) return null;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}
