/**
 * Formats numbers and times for traders.
 *
 * An absent value is an en dash; zero is 0. Signed values always have a sign (a real minus, not a hyphen), so that
 * colour is never the only indication.
 */
import type { Column, Unit } from "./generated/schema";
import type { ColumnMark } from "./socket/feed-state";
import type { Value } from "./socket/messages";

export const ABSENT = "–";
/** The text in place of a value whose column an operator has switched off. */
export const OFF = "off";
const MINUS = "−";

const MARKET_TIME = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** A price in dollars: two decimals or, below one dollar, as many as are needed, since a cent is a large step there. */
export function formatPrice(value: Value): string {
  return value === null ? ABSENT : dollars(value, 1).replace("-", MINUS);
}

/** A difference in dollars, with its sign. It has more than two decimals if it is less than a cent. */
export function formatChange(value: Value): string {
  return value === null ? ABSENT : sign(value) + dollars(Math.abs(value), LEAST_CENT);
}

/** A distance in dollars, such as a spread: without a plus sign, with the decimals of a change. */
export function formatDistance(value: Value): string {
  return value === null ? ABSENT : dollars(value, LEAST_CENT).replace("-", MINUS);
}

/** A signed percentage: 12.5 means 12.5 %. At most five digits, so that the text fits into a cell. */
export function formatPercent(value: Value): string {
  if (value === null) return ABSENT;
  const size = Math.abs(value);
  return signed(value, size >= 1000 ? 0 : size >= 100 ? 1 : 2, "%");
}

const COMPACT_STEPS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
] as const;

/** A number of shares with three significant digits: 950, 12.3K, 1.20M. */
export function formatCompact(value: Value): string {
  if (value === null) return ABSENT;
  const size = Math.abs(value);
  for (const [step, suffix] of COMPACT_STEPS) {
    // 999,950 would be rounded to 1000K, so it belongs to the next step.
    if (size >= step * 0.9995) return (value / step).toFixed(decimals(size / step)) + suffix;
  }
  return value.toFixed(0);
}

/** A percentage of a whole. It has a sign only if it is negative. */
export function formatShare(value: Value): string {
  return value === null ? ABSENT : `${value < 0 ? MINUS : ""}${Math.abs(value).toFixed(2)}%`;
}

/** A multiple, such as the relative volume: 3.2×. */
export function formatMultiple(value: Value): string {
  return value === null ? ABSENT : `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)}×`;
}

export function formatInteger(value: Value): string {
  return value === null ? ABSENT : value.toFixed(0);
}

/** Time of day in New York, 24 hours. `epochMs` of 0 or `null` is absent. */
export function formatMarketTime(epochMs: Value): string {
  return epochMs ? MARKET_TIME.format(epochMs) : ABSENT;
}

const MARKET_OPENING = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** The opening time of the market, in New York: Mon 04:00 ET. */
export function formatOpening(epochMs: number): string {
  return `${MARKET_OPENING.format(epochMs).replace(",", "")} ET`;
}

/** The delay of a feed: 15 min. */
export function formatDelay(delayMs: number): string {
  return `${Math.round(delayMs / 60_000)} min`;
}

/** A duration: milliseconds if it is less than a second, otherwise as an age. */
export function formatDuration(durationMs: Value): string {
  if (durationMs === null) return ABSENT;
  return durationMs < 1000 ? `${durationMs.toFixed(0)} ms` : formatAge(durationMs);
}

/** The name of a code; its number if the name is unknown. */
export function formatCode(value: Value, names: ReadonlyMap<number, string>): string {
  return value === null ? ABSENT : (names.get(value) ?? value.toFixed(0));
}

/** The tooltip of a column title: the description and, if the title is abbreviated, the full label. */
export function explanation({ label, shortLabel, description }: Column): string {
  return label === shortLabel ? description : `${label}: ${description}`;
}

const FORMAT_OF_UNIT: Readonly<Record<Unit, (value: Value) => string>> = {
  dollars: formatPrice,
  percent: formatShare,
  ratio: formatMultiple,
  shares: formatCompact,
  fractional_shares: formatCompact,
  count: formatInteger,
  epoch_ms: formatMarketTime,
  duration_ms: formatDuration,
  code: formatInteger,
};

/** The formatter of a column: by its unit; signed columns as changes, code columns as names. */
export function formatColumn(column: Column): (value: Value) => string {
  if (column.unit === "code") return (value) => formatCode(value, column.codes);
  if (column.signed) return column.unit === "percent" ? formatPercent : formatChange;
  return FORMAT_OF_UNIT[column.unit];
}

/** The age of data: with tenths of a second below ten seconds, then in seconds, minutes or hours. */
export function formatAge(ageMs: number | null): string {
  if (ageMs === null) return ABSENT;
  const seconds = Math.max(0, ageMs) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** The sign of a value (+1, 0 or −1), which colour and arrow show; `null` for an absent value. */
export function direction(value: Value): 1 | 0 | -1 | null {
  return value === null ? null : (Math.sign(value) as 1 | 0 | -1);
}

/** The CSS class of a signed value. */
export function signClass(value: Value): string {
  const sign = direction(value);
  return sign === 1 ? "up" : sign === -1 ? "down" : "";
}

/** The bar is full at five times the average volume. Above that, only the number shows the difference. */
const FULL_BAR_RELATIVE_VOLUME = 5;

/** The length of the relative-volume bar, from 0 to 1. */
export function barLength(relativeVolume: Value): number {
  return Math.min(1, Math.max(0, (relativeVolume ?? 0) / FULL_BAR_RELATIVE_VOLUME));
}

// In floating point, 9.99 - 9.98 is 0.0099999. It must be shown as one cent.
const LEAST_CENT = 0.009_95;
const MOST_PLACES = 10;

/**
 * A dollar amount: two decimals or, if its size is below `small`, four or more.
 *
 * There are more than four if three significant digits need them. Trailing zeros after the fourth are removed.
 */
function dollars(value: number, small: number): string {
  const size = Math.abs(value);
  if (size >= small || size === 0) return value.toFixed(2);
  const needed = Math.min(MOST_PLACES, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.max(4, needed)).replace(/(\.\d{4}\d*?)0+$/, "$1");
}

function signed(value: number, places: number, unit: string): string {
  return sign(value) + Math.abs(value).toFixed(places) + unit;
}

function sign(value: number): string {
  return value > 0 ? "+" : value < 0 ? MINUS : "";
}

function decimals(size: number): number {
  if (size < 9.995) return 2;
  return size < 99.95 ? 1 : 0;
}

/** The value of a column as text; of a column that is off, that it is. */
export function formatMarked(column: Column, value: Value, mark: ColumnMark): string {
  return mark === "off" ? OFF : formatColumn(column)(value);
}

/** The label of a column, with a mark if its values do not say all. */
export function markedLabel(label: string, mark: ColumnMark): string {
  if (mark === "off") return `${label} (off)`;
  return mark === null ? label : `${label}*`;
}

/** The explanation of a column, with the reason of its mark. */
export function markedExplanation(text: string, mark: ColumnMark): string {
  if (mark === "off") return `${text}. An operator has switched it off`;
  return mark === null
    ? text
    : `${text}. Incomplete: it was switched off and counts only since ${formatMarketTime(mark)} ET`;
}
