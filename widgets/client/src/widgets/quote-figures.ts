/** What `<mdp-quote>` shows, derived from one row of the market table. Pure. */
import type { Value } from "../socket/messages";

export interface QuoteFigures {
  readonly price: Value;
  readonly change: Value;
  readonly percentChange: Value;
  readonly percentChangeSinceOpen: Value;
  readonly bidPrice: Value;
  readonly bidSize: Value;
  readonly askPrice: Value;
  readonly askSize: Value;
  /** Ask less bid, dollars; absent while a side is empty, negative in a crossed market. */
  readonly spread: Value;
  /** Spread as percent of the middle of bid and ask. */
  readonly spreadPercent: Value;
  readonly low: Value;
  readonly high: Value;
  /** Where the price stands between low (0) and high (1). */
  readonly rangePosition: Value;
  readonly vwapPosition: Value;
  readonly volume: Value;
  /** Shares traded today times their average price: what they cost. */
  readonly dollarVolume: Value;
  readonly averageVolume: Value;
  readonly relativeVolume: Value;
  readonly float: Value;
  /** Today's volume as percent of the float. */
  readonly floatTraded: Value;
  /** Of the day: the feed's column `vwap` is that of the newest second. */
  readonly vwap: Value;
  readonly open: Value;
  readonly previousClose: Value;
  readonly previousOpen: Value;
  readonly previousHigh: Value;
  readonly previousLow: Value;
  readonly previousVwap: Value;
  readonly previousVolume: Value;
  /** The newest second in which the symbol traded. */
  readonly secondOpen: Value;
  readonly secondHigh: Value;
  readonly secondLow: Value;
  readonly secondVwap: Value;
  readonly secondVolume: Value;
  readonly secondTradeSize: Value;
  readonly percentChange1m: Value;
  readonly percentChange5m: Value;
  readonly percentChange15m: Value;
  readonly vwapDistance: Value;
  readonly gap: Value;
  /** As a multiple of what is usual by this time of day. */
  readonly relativeVolumeNow: Value;
  readonly preMarketHigh: Value;
  readonly preMarketLow: Value;
  readonly newHighs: Value;
  readonly newLows: Value;
  readonly averageTrueRange: Value;
  readonly tradesPerMinute: Value;
  readonly averageTrade: Value;
  readonly largestTrade: Value;
  readonly isHalted: boolean;
  readonly haltedAtMs: Value;
  readonly isShortSaleRestricted: boolean;
  readonly lastPrice: Value;
  readonly lastSize: Value;
  readonly lastTimeMs: Value;
  readonly marketTimeMs: Value;
}

export function quoteFigures(value: (column: string) => Value, marketTimeMs: Value): QuoteFigures {
  const price = value("close") ?? value("last_price");
  // The feed states an empty side of the book as a price of 0.
  const bidPrice = value("bid_price") || null;
  const askPrice = value("ask_price") || null;
  const spread = bidPrice === null || askPrice === null ? null : askPrice - bidPrice;
  const low = value("day_low");
  const high = value("day_high");
  return {
    price,
    change: value("change"),
    percentChange: value("pct_change"),
    percentChangeSinceOpen: value("pct_change_since_open"),
    bidPrice,
    bidSize: bidPrice === null ? null : value("bid_size"),
    askPrice,
    askSize: askPrice === null ? null : value("ask_size"),
    spread,
    spreadPercent: spread === null ? null : (200 * spread) / ((bidPrice ?? 0) + (askPrice ?? 0)),
    low,
    high,
    rangePosition: positionInRange(price, low, high),
    vwapPosition: positionInRange(value("aggregate_vwap"), low, high),
    volume: value("accumulated_volume"),
    dollarVolume: product(value("accumulated_volume"), value("aggregate_vwap")),
    averageVolume: value("avg_volume"),
    relativeVolume: value("relative_volume"),
    float: value("free_float"),
    floatTraded: percentOf(value("accumulated_volume"), value("free_float")),
    vwap: value("aggregate_vwap"),
    open: value("official_open_price"),
    previousClose: value("prev_day_close"),
    previousOpen: value("prev_day_open"),
    previousHigh: value("prev_day_high"),
    previousLow: value("prev_day_low"),
    previousVwap: value("prev_day_vwap"),
    previousVolume: value("prev_day_volume"),
    secondOpen: value("open"),
    secondHigh: value("high"),
    secondLow: value("low"),
    secondVwap: value("vwap"),
    secondVolume: value("volume"),
    secondTradeSize: value("average_size"),
    percentChange1m: value("pct_change_1m"),
    percentChange5m: value("pct_change_5m"),
    percentChange15m: value("pct_change_15m"),
    vwapDistance: value("vwap_distance_pct"),
    gap: value("gap_pct"),
    relativeVolumeNow: value("relative_volume_at_time"),
    preMarketHigh: value("pre_market_high"),
    preMarketLow: value("pre_market_low"),
    newHighs: value("new_high_count"),
    newLows: value("new_low_count"),
    averageTrueRange: value("average_true_range"),
    tradesPerMinute: value("trades_per_minute"),
    averageTrade: value("trade_average_size"),
    largestTrade: value("trade_largest_size"),
    isHalted: value("is_halted") === 1,
    haltedAtMs: value("halt_timestamp"),
    isShortSaleRestricted: value("short_sale_restricted") === 1,
    lastPrice: value("last_price"),
    lastSize: value("last_size"),
    lastTimeMs: value("last_timestamp"),
    marketTimeMs,
  };
}

/** Absent while a factor is. */
function product(a: Value, b: Value): Value {
  return a === null || b === null ? null : a * b;
}

/** `part` as percent of `whole`; `null` when one is absent or the whole is nothing. */
export function percentOf(part: Value, whole: Value): Value {
  return part === null || whole === null || whole <= 0 ? null : (100 * part) / whole;
}

/** 0 at `low`, 1 at `high`, kept within both; `null` when one is absent or the range has no width. */
export function positionInRange(value: Value, low: Value, high: Value): Value {
  if (value === null || low === null || high === null || high <= low) return null;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}
