// A synthetic market for the harness: symbols with a random walk, boards that rank them, and alerts for their new highs
// and lows. No real data.

const COLUMNS = [
  "close",
  "change",
  "pct_change",
  "pct_change_since_open",
  "accumulated_volume",
  "free_float",
  "relative_volume",
  "avg_volume",
  "day_high",
  "day_low",
  "aggregate_vwap",
  "prev_day_close",
  "prev_day_open",
  "prev_day_high",
  "prev_day_low",
  "prev_day_volume",
  "official_open_price",
  "bid_price",
  "bid_size",
  "ask_price",
  "ask_size",
  "last_price",
  "last_size",
  "last_timestamp",
  "is_halted",
  "halt_timestamp",
  "trades_per_minute",
  "spread",
  "spread_pct",
  "float_rotation",
];

const RANGE_COLUMNS = ["price", "level", "start_timestamp", "pct_change", "relative_volume"];
/** The columns of each feed of alerts. */
export const ALERT_COLUMNS = {
  daily_range_hod_alert: RANGE_COLUMNS,
  daily_range_lod_alert: RANGE_COLUMNS,
  halts: ["kind", "timestamp", "last_price", "last_timestamp", "pct_change", "relative_volume"],
};
export const ALERT_LIMIT = 200;

const RANK_BY = {
  "scanners:top_gainers": (stock) => stock.close / stock.open,
  "scanners:top_losers": (stock) => -stock.close / stock.open,
  "scanners:top_gappers": (stock) => stock.close / stock.previousClose,
  "scanners:top_gap_downs": (stock) => -stock.close / stock.previousClose,
  "scanners:top_volume": (stock) => stock.volume,
  "scanners:top_trades": (stock) => stock.trades,
  "scanners:halts": (stock) => stock.haltedAtMs,
};

export const BOARD_FEEDS = Object.keys(RANK_BY);

export class SyntheticMarket {
  /** @param {number} size number of symbols @param {number} boardSize rows on a board */
  constructor(size, boardSize) {
    this.boardSize = boardSize;
    this.timeMs = Date.now();
    this.stocks = Array.from({ length: size }, (_, index) => newStock(index));
    /** Feed → rows, oldest first. */
    const halted = this.stocks.filter(({ haltedAtMs }) => haltedAtMs !== null);
    const halts = halted.map(({ symbol, haltedAtMs, close }) => [
      symbol,
      1,
      haltedAtMs,
      close,
      haltedAtMs,
      null,
      null,
    ]);
    this.alerts = { daily_range_hod_alert: [], daily_range_lod_alert: [], halts };
  }

  /** Lets the share `changedShare` of all symbols trade once. */
  step(changedShare) {
    this.timeMs = Date.now();
    for (const stock of this.stocks) if (Math.random() < changedShare) this.#trade(stock);
  }

  #trade(stock) {
    const { high, low } = stock;
    trade(stock, this.timeMs);
    if (stock.high > high) this.#alert("daily_range_hod_alert", stock, stock.high, high);
    if (stock.low < low) this.#alert("daily_range_lod_alert", stock, stock.low, low);
  }

  #alert(feed, stock, price, level) {
    const change = (stock.close / stock.previousClose - 1) * 100;
    const relativeVolume = stock.averageVolume === null ? null : stock.volume / stock.averageVolume;
    this.alerts[feed].push([stock.symbol, cents(price), cents(level), this.timeMs, change, relativeVolume]);
  }

  get columns() {
    return COLUMNS;
  }

  /** The rows of `feed`, in rank order; `null` for a feed that does not exist. */
  rows(feed) {
    if (feed.startsWith("quote:")) {
      const stock = this.stocks.find(({ symbol }) => symbol === feed.slice(6));
      return stock ? [row(stock)] : [];
    }
    const key = RANK_BY[feed];
    if (key === undefined) return null;
    const competing = this.stocks.filter((stock) => key(stock) !== null);
    const ranked = competing.sort((a, b) => key(b) - key(a)).slice(0, this.boardSize);
    return ranked.map(row);
  }
}

function newStock(index) {
  const previousClose = 0.4 * 10 ** (Math.random() * 2.6);
  const open = previousClose * Math.exp(gaussian() * 0.08);
  const averageVolume = 10 ** (4 + Math.random() * 3.5);
  const close = open * Math.exp(gaussian() * 0.06);
  return {
    symbol: symbolOf(index),
    previousClose,
    open,
    close,
    high: Math.max(open, close) * (1 + Math.random() * 0.02),
    low: Math.min(open, close) * (1 - Math.random() * 0.02),
    volume: Math.round(averageVolume * Math.random() * 3),
    averageVolume: Math.random() < 0.05 ? null : averageVolume,
    freeFloat: Math.random() < 0.1 ? null : averageVolume * (5 + Math.random() * 60),
    lastSize: 100,
    lastTimeMs: Date.now(),
    trades: 0,
    haltedAtMs: Math.random() < 0.02 ? Date.now() : null,
  };
}

function trade(stock, timeMs) {
  stock.close = Math.max(0.01, stock.close * Math.exp(gaussian() * 0.002));
  stock.high = Math.max(stock.high, stock.close);
  stock.low = Math.min(stock.low, stock.close);
  stock.lastSize = Math.ceil(Math.random() * 900);
  stock.volume += stock.lastSize;
  stock.lastTimeMs = timeMs;
  stock.trades += 1;
}

function row(stock) {
  const price = cents(stock.close);
  const spread = Math.max(0.01, price * 0.0008);
  return [
    stock.symbol,
    price,
    cents(price - stock.previousClose),
    (price / stock.previousClose - 1) * 100,
    (price / stock.open - 1) * 100,
    stock.volume,
    stock.freeFloat,
    stock.averageVolume === null ? null : stock.volume / stock.averageVolume,
    stock.averageVolume,
    cents(stock.high),
    cents(stock.low),
    cents((stock.high + stock.low + price) / 3),
    cents(stock.previousClose),
    cents(stock.previousClose * 0.99),
    cents(stock.previousClose * 1.02),
    cents(stock.previousClose * 0.97),
    stock.averageVolume,
    cents(stock.open),
    cents(price - spread / 2),
    Math.ceil(stock.lastSize / 2),
    cents(price + spread / 2),
    stock.lastSize,
    price,
    stock.lastSize,
    stock.lastTimeMs,
    stock.haltedAtMs === null ? 0 : 1,
    stock.haltedAtMs,
    stock.trades,
    spread,
    (100 * spread) / price,
    stock.freeFloat === null ? null : stock.volume / stock.freeFloat,
  ];
}

/** Letters only, like a ticker: three or four of them, no two alike. */
function symbolOf(index) {
  let name = "";
  for (let rest = index * 7919 + 700; rest > 0 || name.length < 3; rest = Math.floor(rest / 26)) {
    name += String.fromCharCode(65 + (rest % 26));
  }
  return name;
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function cents(value) {
  return Math.round(value * 100) / 100;
}
