// Written by `make schema` from what the analyzers declare. Do not edit.

/** The unit of the numbers of a column. */
export type Unit =
  | "dollars"
  | "percent"
  | "ratio"
  | "shares"
  | "fractional_shares"
  | "count"
  | "epoch_ms"
  | "duration_ms"
  | "code";

/** A column as users see it. */
export interface Column {
  readonly name: ColumnName;
  readonly label: string;
  /** The label for narrow screens. */
  readonly shortLabel: string;
  readonly unit: Unit;
  /** A change, which is shown with its sign and coloured by it. */
  readonly signed: boolean;
  readonly description: string;
  /** The meanings of the numbers of a code; empty for other columns. */
  readonly codes: ReadonlyMap<number, string>;
}

export type ColumnName =
  | "close"
  | "change"
  | "pct_change"
  | "change_since_open"
  | "pct_change_since_open"
  | "gap_pct"
  | "accumulated_volume"
  | "relative_volume"
  | "relative_volume_at_time"
  | "float_rotation"
  | "aggregate_vwap"
  | "vwap_distance_pct"
  | "pct_change_1m"
  | "pct_change_5m"
  | "pct_change_15m"
  | "volume_1m"
  | "volume_5m"
  | "relative_volume_1m"
  | "relative_volume_5m"
  | "official_open_price"
  | "open"
  | "high"
  | "low"
  | "volume"
  | "vwap"
  | "average_size"
  | "start_timestamp"
  | "end_timestamp"
  | "received_timestamp"
  | "day_high"
  | "day_low"
  | "pre_market_high"
  | "pre_market_low"
  | "regular_high"
  | "regular_low"
  | "after_hours_high"
  | "after_hours_low"
  | "new_high_count"
  | "new_low_count"
  | "short_sale_restricted"
  | "last_price"
  | "last_size"
  | "last_timestamp"
  | "trades_per_minute"
  | "trade_count"
  | "trade_volume"
  | "trade_average_size"
  | "trade_largest_size"
  | "trade_span_ms"
  | "bid_price"
  | "bid_size"
  | "ask_price"
  | "ask_size"
  | "quote_timestamp"
  | "spread"
  | "mid_price"
  | "spread_pct"
  | "is_halted"
  | "halt_timestamp"
  | "resume_timestamp"
  | "halt_may_be_limit_pause"
  | "earliest_reopening_timestamp"
  | "band_high"
  | "band_low"
  | "band_timestamp"
  | "band_distance_pct"
  | "limit_state"
  | "limit_state_timestamp"
  | "limit_pause_timestamp"
  | "avg_volume"
  | "free_float"
  | "average_true_range"
  | "ticker_type"
  | "nasdaq_listed"
  | "split_ratio"
  | "prev_day_close"
  | "prev_day_volume"
  | "prev_day_vwap"
  | "prev_day_open"
  | "prev_day_high"
  | "prev_day_low"
  | "price"
  | "level"
  | "session"
  | "kind"
  | "timestamp"
  | "halt_began_timestamp"
  | "halt_reason"
  | "event_band_high"
  | "event_band_low"
  | "trade_price"
  | "trade_size"
  | "trade_timestamp"
  | "trade_sequence_number";

export const COLUMNS: Readonly<Record<ColumnName, Column>> = {
  "close": {
    name: "close",
    label: "Price",
    shortLabel: "Price",
    unit: "dollars",
    signed: false,
    description: "Price of the newest second of trading",
    codes: new Map([]),
  },
  "change": {
    name: "change",
    label: "Change",
    shortLabel: "Change",
    unit: "dollars",
    signed: true,
    description: "Price less the previous day's close",
    codes: new Map([]),
  },
  "pct_change": {
    name: "pct_change",
    label: "Change %",
    shortLabel: "Chg %",
    unit: "percent",
    signed: true,
    description: "Change in percent of the previous day's close",
    codes: new Map([]),
  },
  "change_since_open": {
    name: "change_since_open",
    label: "Change since open",
    shortLabel: "Open chg",
    unit: "dollars",
    signed: true,
    description: "Price less the day's official open",
    codes: new Map([]),
  },
  "pct_change_since_open": {
    name: "pct_change_since_open",
    label: "Change since open %",
    shortLabel: "Open %",
    unit: "percent",
    signed: true,
    description: "Change in percent of the open",
    codes: new Map([]),
  },
  "gap_pct": {
    name: "gap_pct",
    label: "Gap %",
    shortLabel: "Gap %",
    unit: "percent",
    signed: true,
    description: "Opening in percent above or below the previous close",
    codes: new Map([]),
  },
  "accumulated_volume": {
    name: "accumulated_volume",
    label: "Volume",
    shortLabel: "Volume",
    unit: "shares",
    signed: false,
    description: "Shares traded today, pre-market included",
    codes: new Map([]),
  },
  "relative_volume": {
    name: "relative_volume",
    label: "Relative volume",
    shortLabel: "Rel vol",
    unit: "ratio",
    signed: false,
    description: "Today's volume as a multiple of the average",
    codes: new Map([]),
  },
  "relative_volume_at_time": {
    name: "relative_volume_at_time",
    label: "Relative volume now",
    shortLabel: "RV now",
    unit: "ratio",
    signed: false,
    description: "Today's volume as a multiple of what is usual by this time of day",
    codes: new Map([]),
  },
  "float_rotation": {
    name: "float_rotation",
    label: "Float rotation",
    shortLabel: "Rotation",
    unit: "ratio",
    signed: false,
    description: "How often the float was traded today",
    codes: new Map([]),
  },
  "aggregate_vwap": {
    name: "aggregate_vwap",
    label: "VWAP",
    shortLabel: "VWAP",
    unit: "dollars",
    signed: false,
    description: "Volume-weighted average price of the day",
    codes: new Map([]),
  },
  "vwap_distance_pct": {
    name: "vwap_distance_pct",
    label: "From VWAP %",
    shortLabel: "VWAP %",
    unit: "percent",
    signed: true,
    description: "Price in percent above or below the VWAP",
    codes: new Map([]),
  },
  "pct_change_1m": {
    name: "pct_change_1m",
    label: "1 min %",
    shortLabel: "1 min %",
    unit: "percent",
    signed: true,
    description: "Change over the last minute",
    codes: new Map([]),
  },
  "pct_change_5m": {
    name: "pct_change_5m",
    label: "5 min %",
    shortLabel: "5 min %",
    unit: "percent",
    signed: true,
    description: "Change over the last 5 minutes",
    codes: new Map([]),
  },
  "pct_change_15m": {
    name: "pct_change_15m",
    label: "15 min %",
    shortLabel: "15 min %",
    unit: "percent",
    signed: true,
    description: "Change over the last 15 minutes",
    codes: new Map([]),
  },
  "volume_1m": {
    name: "volume_1m",
    label: "1 min volume",
    shortLabel: "1 min vol",
    unit: "shares",
    signed: false,
    description: "Shares traded in the last minute",
    codes: new Map([]),
  },
  "volume_5m": {
    name: "volume_5m",
    label: "5 min volume",
    shortLabel: "5 min vol",
    unit: "shares",
    signed: false,
    description: "Shares traded in the last 5 minutes",
    codes: new Map([]),
  },
  "relative_volume_1m": {
    name: "relative_volume_1m",
    label: "1 min relative volume",
    shortLabel: "1 min RV",
    unit: "ratio",
    signed: false,
    description: "Volume of the last minute as a multiple of what is usual at this time",
    codes: new Map([]),
  },
  "relative_volume_5m": {
    name: "relative_volume_5m",
    label: "5 min relative volume",
    shortLabel: "5 min RV",
    unit: "ratio",
    signed: false,
    description: "Volume of the last 5 minutes as a multiple of what is usual at this time",
    codes: new Map([]),
  },
  "official_open_price": {
    name: "official_open_price",
    label: "Open",
    shortLabel: "Open",
    unit: "dollars",
    signed: false,
    description: "Official opening price of the day",
    codes: new Map([]),
  },
  "open": {
    name: "open",
    label: "Second open",
    shortLabel: "1 s open",
    unit: "dollars",
    signed: false,
    description: "First price of the newest second of trading",
    codes: new Map([]),
  },
  "high": {
    name: "high",
    label: "Second high",
    shortLabel: "1 s high",
    unit: "dollars",
    signed: false,
    description: "Highest price of the newest second",
    codes: new Map([]),
  },
  "low": {
    name: "low",
    label: "Second low",
    shortLabel: "1 s low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the newest second",
    codes: new Map([]),
  },
  "volume": {
    name: "volume",
    label: "Second volume",
    shortLabel: "1 s volume",
    unit: "shares",
    signed: false,
    description: "Shares traded in the newest second",
    codes: new Map([]),
  },
  "vwap": {
    name: "vwap",
    label: "Second VWAP",
    shortLabel: "1 s VWAP",
    unit: "dollars",
    signed: false,
    description: "Volume-weighted average price of the second",
    codes: new Map([]),
  },
  "average_size": {
    name: "average_size",
    label: "Second trade size",
    shortLabel: "1 s trade size",
    unit: "shares",
    signed: false,
    description: "Average shares of a trade in the second",
    codes: new Map([]),
  },
  "start_timestamp": {
    name: "start_timestamp",
    label: "Second start",
    shortLabel: "1 s start",
    unit: "epoch_ms",
    signed: false,
    description: "Start of the newest second of trading",
    codes: new Map([]),
  },
  "end_timestamp": {
    name: "end_timestamp",
    label: "Updated",
    shortLabel: "Updated",
    unit: "epoch_ms",
    signed: false,
    description: "End of the newest second of trading",
    codes: new Map([]),
  },
  "received_timestamp": {
    name: "received_timestamp",
    label: "Received",
    shortLabel: "Received",
    unit: "epoch_ms",
    signed: false,
    description: "When the newest data came from the provider",
    codes: new Map([]),
  },
  "day_high": {
    name: "day_high",
    label: "Day high",
    shortLabel: "High",
    unit: "dollars",
    signed: false,
    description: "Highest price of the trading day",
    codes: new Map([]),
  },
  "day_low": {
    name: "day_low",
    label: "Day low",
    shortLabel: "Low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the trading day",
    codes: new Map([]),
  },
  "pre_market_high": {
    name: "pre_market_high",
    label: "Pre-market high",
    shortLabel: "Pre-mkt high",
    unit: "dollars",
    signed: false,
    description: "Highest price of the pre-market session",
    codes: new Map([]),
  },
  "pre_market_low": {
    name: "pre_market_low",
    label: "Pre-market low",
    shortLabel: "Pre-mkt low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the pre-market session",
    codes: new Map([]),
  },
  "regular_high": {
    name: "regular_high",
    label: "Regular high",
    shortLabel: "Regular high",
    unit: "dollars",
    signed: false,
    description: "Highest price of the regular session",
    codes: new Map([]),
  },
  "regular_low": {
    name: "regular_low",
    label: "Regular low",
    shortLabel: "Regular low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the regular session",
    codes: new Map([]),
  },
  "after_hours_high": {
    name: "after_hours_high",
    label: "After-hours high",
    shortLabel: "After-hrs high",
    unit: "dollars",
    signed: false,
    description: "Highest price of the after-hours session",
    codes: new Map([]),
  },
  "after_hours_low": {
    name: "after_hours_low",
    label: "After-hours low",
    shortLabel: "After-hrs low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the after-hours session",
    codes: new Map([]),
  },
  "new_high_count": {
    name: "new_high_count",
    label: "New highs",
    shortLabel: "New highs",
    unit: "count",
    signed: false,
    description: "How often the day's high was broken today",
    codes: new Map([]),
  },
  "new_low_count": {
    name: "new_low_count",
    label: "New lows",
    shortLabel: "New lows",
    unit: "count",
    signed: false,
    description: "How often the day's low was broken today",
    codes: new Map([]),
  },
  "short_sale_restricted": {
    name: "short_sale_restricted",
    label: "Short sales restricted",
    shortLabel: "SSR",
    unit: "code",
    signed: false,
    description: "Whether SEC rule 201 restricts short sales, computed from prices",
    codes: new Map([[0, "no"], [1, "yes"]]),
  },
  "last_price": {
    name: "last_price",
    label: "Last",
    shortLabel: "Last",
    unit: "dollars",
    signed: false,
    description: "Price of the last trade that counts",
    codes: new Map([]),
  },
  "last_size": {
    name: "last_size",
    label: "Last size",
    shortLabel: "Last size",
    unit: "shares",
    signed: false,
    description: "Shares of the last trade",
    codes: new Map([]),
  },
  "last_timestamp": {
    name: "last_timestamp",
    label: "Last trade",
    shortLabel: "Last trade",
    unit: "epoch_ms",
    signed: false,
    description: "When the last trade took place",
    codes: new Map([]),
  },
  "trades_per_minute": {
    name: "trades_per_minute",
    label: "Trades/min",
    shortLabel: "Trades/min",
    unit: "count",
    signed: false,
    description: "Trades in the minute up to the newest",
    codes: new Map([]),
  },
  "trade_count": {
    name: "trade_count",
    label: "Trades on tape",
    shortLabel: "Tape",
    unit: "count",
    signed: false,
    description: "How many of the newest 1,000 trades are known",
    codes: new Map([]),
  },
  "trade_volume": {
    name: "trade_volume",
    label: "Tape volume",
    shortLabel: "Tape vol",
    unit: "shares",
    signed: false,
    description: "Shares of the newest 1,000 trades",
    codes: new Map([]),
  },
  "trade_average_size": {
    name: "trade_average_size",
    label: "Average trade",
    shortLabel: "Avg trade",
    unit: "shares",
    signed: false,
    description: "Average shares of the newest 1,000 trades",
    codes: new Map([]),
  },
  "trade_largest_size": {
    name: "trade_largest_size",
    label: "Largest trade",
    shortLabel: "Largest",
    unit: "shares",
    signed: false,
    description: "Largest of the newest 1,000 trades",
    codes: new Map([]),
  },
  "trade_span_ms": {
    name: "trade_span_ms",
    label: "Tape span",
    shortLabel: "Span",
    unit: "duration_ms",
    signed: false,
    description: "Time that the newest 1,000 trades took",
    codes: new Map([]),
  },
  "bid_price": {
    name: "bid_price",
    label: "Bid",
    shortLabel: "Bid",
    unit: "dollars",
    signed: false,
    description: "Best bid of all exchanges",
    codes: new Map([]),
  },
  "bid_size": {
    name: "bid_size",
    label: "Bid size",
    shortLabel: "Bid size",
    unit: "shares",
    signed: false,
    description: "Shares wanted at the best bid",
    codes: new Map([]),
  },
  "ask_price": {
    name: "ask_price",
    label: "Ask",
    shortLabel: "Ask",
    unit: "dollars",
    signed: false,
    description: "Best offer of all exchanges",
    codes: new Map([]),
  },
  "ask_size": {
    name: "ask_size",
    label: "Ask size",
    shortLabel: "Ask size",
    unit: "shares",
    signed: false,
    description: "Shares offered at the best offer",
    codes: new Map([]),
  },
  "quote_timestamp": {
    name: "quote_timestamp",
    label: "Quoted",
    shortLabel: "Quoted",
    unit: "epoch_ms",
    signed: false,
    description: "When the best bid and offer were quoted",
    codes: new Map([]),
  },
  "spread": {
    name: "spread",
    label: "Spread",
    shortLabel: "Spread",
    unit: "dollars",
    signed: false,
    description: "Best offer less best bid",
    codes: new Map([]),
  },
  "mid_price": {
    name: "mid_price",
    label: "Mid",
    shortLabel: "Mid",
    unit: "dollars",
    signed: false,
    description: "Middle of best bid and offer",
    codes: new Map([]),
  },
  "spread_pct": {
    name: "spread_pct",
    label: "Spread %",
    shortLabel: "Spread %",
    unit: "percent",
    signed: false,
    description: "Spread in percent of the middle",
    codes: new Map([]),
  },
  "is_halted": {
    name: "is_halted",
    label: "Halted",
    shortLabel: "Halted",
    unit: "code",
    signed: false,
    description: "Whether it is halted now",
    codes: new Map([[0, "no"], [1, "yes"]]),
  },
  "halt_timestamp": {
    name: "halt_timestamp",
    label: "Halted at",
    shortLabel: "Halted at",
    unit: "epoch_ms",
    signed: false,
    description: "When the newest halt of the day began",
    codes: new Map([]),
  },
  "resume_timestamp": {
    name: "resume_timestamp",
    label: "Resumed at",
    shortLabel: "Resumed",
    unit: "epoch_ms",
    signed: false,
    description: "When trading was last resumed today",
    codes: new Map([]),
  },
  "halt_may_be_limit_pause": {
    name: "halt_may_be_limit_pause",
    label: "Limit pause",
    shortLabel: "Limit pause",
    unit: "code",
    signed: false,
    description: "Whether the halt may be a five-minute limit-up/limit-down pause: the feed gives no reason",
    codes: new Map([[0, "no"], [1, "possible"]]),
  },
  "earliest_reopening_timestamp": {
    name: "earliest_reopening_timestamp",
    label: "Reopens from",
    shortLabel: "Reopens",
    unit: "epoch_ms",
    signed: false,
    description: "When it may reopen at the earliest, if the halt is a limit pause",
    codes: new Map([]),
  },
  "band_high": {
    name: "band_high",
    label: "Upper band",
    shortLabel: "Upper band",
    unit: "dollars",
    signed: false,
    description: "Upper price band of the limit-up/limit-down plan",
    codes: new Map([]),
  },
  "band_low": {
    name: "band_low",
    label: "Lower band",
    shortLabel: "Lower band",
    unit: "dollars",
    signed: false,
    description: "Lower price band of the limit-up/limit-down plan",
    codes: new Map([]),
  },
  "band_timestamp": {
    name: "band_timestamp",
    label: "Bands at",
    shortLabel: "Bands at",
    unit: "epoch_ms",
    signed: false,
    description: "When the newest price bands were published",
    codes: new Map([]),
  },
  "band_distance_pct": {
    name: "band_distance_pct",
    label: "To band %",
    shortLabel: "To band %",
    unit: "percent",
    signed: false,
    description: "Distance to the nearer price band, in percent",
    codes: new Map([]),
  },
  "limit_state": {
    name: "limit_state",
    label: "Limit state",
    shortLabel: "Limit state",
    unit: "code",
    signed: false,
    description: "Whether bid or offer stand at or beyond a price band",
    codes: new Map([[-2, "bid below the bands"], [-1, "limit down"], [0, "none"], [1, "limit up"], [2, "offer above the bands"], [3, "bid and offer outside the bands"]]),
  },
  "limit_state_timestamp": {
    name: "limit_state_timestamp",
    label: "Limit since",
    shortLabel: "Limit since",
    unit: "epoch_ms",
    signed: false,
    description: "Since when it is in its limit state",
    codes: new Map([]),
  },
  "limit_pause_timestamp": {
    name: "limit_pause_timestamp",
    label: "Pause from",
    shortLabel: "Pause from",
    unit: "epoch_ms",
    signed: false,
    description: "When the limit state becomes a trading pause",
    codes: new Map([]),
  },
  "avg_volume": {
    name: "avg_volume",
    label: "Average volume",
    shortLabel: "Avg vol",
    unit: "shares",
    signed: false,
    description: "Average daily volume of the past weeks",
    codes: new Map([]),
  },
  "free_float": {
    name: "free_float",
    label: "Float",
    shortLabel: "Float",
    unit: "shares",
    signed: false,
    description: "Shares that can be traded freely",
    codes: new Map([]),
  },
  "average_true_range": {
    name: "average_true_range",
    label: "Average true range",
    shortLabel: "ATR",
    unit: "dollars",
    signed: false,
    description: "Average true range of the last 14 sessions",
    codes: new Map([]),
  },
  "ticker_type": {
    name: "ticker_type",
    label: "Type",
    shortLabel: "Type",
    unit: "code",
    signed: false,
    description: "What kind of security it is",
    codes: new Map([[1, "common stock"], [2, "exchange-traded fund"], [3, "American depositary receipt"], [4, "warrant"], [5, "right"], [6, "unit"], [7, "preferred stock"], [8, "fund"], [9, "exchange-traded note"], [10, "structured product"], [11, "preferred American depositary receipt"], [12, "American depositary receipt of rights"], [13, "American depositary receipt of warrants"], [14, "ordinary shares"], [15, "global depositary receipt"], [16, "New York registry shares"], [17, "bond"], [18, "basket"], [19, "liquidating trust"], [20, "equity-linked note"], [21, "agency bond"], [22, "index"], [99, "other"]]),
  },
  "nasdaq_listed": {
    name: "nasdaq_listed",
    label: "Nasdaq-listed",
    shortLabel: "Nasdaq",
    unit: "code",
    signed: false,
    description: "Whether it is listed on Nasdaq: for other listings the feed says nothing of halts",
    codes: new Map([[0, "no"], [1, "yes"]]),
  },
  "split_ratio": {
    name: "split_ratio",
    label: "Split",
    shortLabel: "Split",
    unit: "ratio",
    signed: false,
    description: "New shares for each old one, where it was split today",
    codes: new Map([]),
  },
  "prev_day_close": {
    name: "prev_day_close",
    label: "Previous close",
    shortLabel: "Prev close",
    unit: "dollars",
    signed: false,
    description: "Closing price of the previous day",
    codes: new Map([]),
  },
  "prev_day_volume": {
    name: "prev_day_volume",
    label: "Previous volume",
    shortLabel: "Prev vol",
    unit: "shares",
    signed: false,
    description: "Shares traded on the previous day",
    codes: new Map([]),
  },
  "prev_day_vwap": {
    name: "prev_day_vwap",
    label: "Previous VWAP",
    shortLabel: "Prev VWAP",
    unit: "dollars",
    signed: false,
    description: "Volume-weighted average of the previous day",
    codes: new Map([]),
  },
  "prev_day_open": {
    name: "prev_day_open",
    label: "Previous open",
    shortLabel: "Prev open",
    unit: "dollars",
    signed: false,
    description: "Opening price of the previous day",
    codes: new Map([]),
  },
  "prev_day_high": {
    name: "prev_day_high",
    label: "Previous high",
    shortLabel: "Prev high",
    unit: "dollars",
    signed: false,
    description: "Highest price of the previous day",
    codes: new Map([]),
  },
  "prev_day_low": {
    name: "prev_day_low",
    label: "Previous low",
    shortLabel: "Prev low",
    unit: "dollars",
    signed: false,
    description: "Lowest price of the previous day",
    codes: new Map([]),
  },
  "price": {
    name: "price",
    label: "New extreme",
    shortLabel: "Price",
    unit: "dollars",
    signed: false,
    description: "The new high or low",
    codes: new Map([]),
  },
  "level": {
    name: "level",
    label: "Broken level",
    shortLabel: "Broken",
    unit: "dollars",
    signed: false,
    description: "The high or low that was broken",
    codes: new Map([]),
  },
  "session": {
    name: "session",
    label: "Session",
    shortLabel: "Session",
    unit: "code",
    signed: false,
    description: "The session in which it happened",
    codes: new Map([[0, "pre-market"], [1, "regular"], [2, "after-hours"], [3, "night"]]),
  },
  "kind": {
    name: "kind",
    label: "Kind",
    shortLabel: "Kind",
    unit: "code",
    signed: false,
    description: "Whether a halt begins or ends",
    codes: new Map([[0, "resumption"], [1, "halt"], [2, "trades again, no resumption received"]]),
  },
  "timestamp": {
    name: "timestamp",
    label: "Time",
    shortLabel: "Time",
    unit: "epoch_ms",
    signed: false,
    description: "When it happened",
    codes: new Map([]),
  },
  "halt_began_timestamp": {
    name: "halt_began_timestamp",
    label: "Halt began",
    shortLabel: "Began",
    unit: "epoch_ms",
    signed: false,
    description: "When the halt began that begins or ends here",
    codes: new Map([]),
  },
  "halt_reason": {
    name: "halt_reason",
    label: "Reason",
    shortLabel: "Reason",
    unit: "code",
    signed: false,
    description: "What can be said of the reason of the halt: the feed does not give it",
    codes: new Map([[0, "unknown, but no limit pause"], [1, "unknown, may be a limit pause"]]),
  },
  "event_band_high": {
    name: "event_band_high",
    label: "Upper band",
    shortLabel: "Upper band",
    unit: "dollars",
    signed: false,
    description: "Upper price band when it happened",
    codes: new Map([]),
  },
  "event_band_low": {
    name: "event_band_low",
    label: "Lower band",
    shortLabel: "Lower band",
    unit: "dollars",
    signed: false,
    description: "Lower price band when it happened",
    codes: new Map([]),
  },
  "trade_price": {
    name: "trade_price",
    label: "Price",
    shortLabel: "Price",
    unit: "dollars",
    signed: false,
    description: "Price of the trade",
    codes: new Map([]),
  },
  "trade_size": {
    name: "trade_size",
    label: "Size",
    shortLabel: "Size",
    unit: "fractional_shares",
    signed: false,
    description: "Shares of the trade",
    codes: new Map([]),
  },
  "trade_timestamp": {
    name: "trade_timestamp",
    label: "Time",
    shortLabel: "Time",
    unit: "epoch_ms",
    signed: false,
    description: "When the trade took place",
    codes: new Map([]),
  },
  "trade_sequence_number": {
    name: "trade_sequence_number",
    label: "Number",
    shortLabel: "Number",
    unit: "count",
    signed: false,
    description: "Its number, which orders trades of one time",
    codes: new Map([]),
  },
};

/** The columns of each board by importance; the ranking column is first. */
export const BOARD_COLUMNS: Readonly<Record<string, readonly ColumnName[]>> = {
  "scanners:top_gainers": ["pct_change_since_open", "close", "accumulated_volume", "pct_change", "relative_volume", "free_float", "change", "pct_change_5m", "relative_volume_at_time", "avg_volume", "aggregate_vwap", "day_high", "day_low", "prev_day_close", "official_open_price", "change_since_open", "prev_day_volume", "prev_day_vwap", "float_rotation", "vwap_distance_pct", "short_sale_restricted", "is_halted", "new_high_count"],
  "scanners:top_losers": ["pct_change_since_open", "close", "accumulated_volume", "pct_change", "relative_volume", "free_float", "change", "pct_change_5m", "relative_volume_at_time", "avg_volume", "aggregate_vwap", "day_high", "day_low", "prev_day_close", "official_open_price", "change_since_open", "prev_day_volume", "prev_day_vwap", "float_rotation", "vwap_distance_pct", "short_sale_restricted", "is_halted", "new_low_count"],
  "scanners:top_gappers": ["pct_change", "close", "accumulated_volume", "gap_pct", "relative_volume", "free_float", "change", "pct_change_since_open", "relative_volume_at_time", "avg_volume", "aggregate_vwap", "day_high", "day_low", "prev_day_close", "official_open_price", "change_since_open", "prev_day_volume", "prev_day_vwap", "float_rotation", "short_sale_restricted", "is_halted"],
  "scanners:top_gap_downs": ["pct_change", "close", "accumulated_volume", "gap_pct", "relative_volume", "free_float", "change", "pct_change_since_open", "relative_volume_at_time", "avg_volume", "aggregate_vwap", "day_high", "day_low", "prev_day_close", "official_open_price", "change_since_open", "prev_day_volume", "prev_day_vwap", "float_rotation", "short_sale_restricted", "is_halted"],
  "scanners:top_volume": ["accumulated_volume", "close", "pct_change", "relative_volume", "free_float", "change", "pct_change_since_open", "volume_5m", "relative_volume_5m", "relative_volume_at_time", "avg_volume", "aggregate_vwap", "day_high", "day_low", "prev_day_close", "official_open_price", "change_since_open", "prev_day_volume", "prev_day_vwap", "float_rotation", "short_sale_restricted", "is_halted"],
  "scanners:top_trades": ["trades_per_minute", "close", "accumulated_volume", "pct_change", "trade_volume", "trade_average_size", "trade_largest_size", "trade_span_ms", "relative_volume", "free_float", "trade_count", "last_price", "last_size", "last_timestamp", "short_sale_restricted", "is_halted"],
  "scanners:halts": ["halt_timestamp", "is_halted", "resume_timestamp", "earliest_reopening_timestamp", "close", "accumulated_volume", "pct_change", "halt_may_be_limit_pause", "band_low", "band_high", "relative_volume", "free_float", "nasdaq_listed"],
};

/** Feeds of one symbol, which replaces `{symbol}`. */
export type SymbolFeed =
  | "quote:{symbol}"
  | "daily_range:{symbol}"
  | "halts:{symbol}"
  | "trades:{symbol}";
