/**
 * Numbers and times as a trader reads them.
 *
 * An absent value is an en dash and zero is 0; signs are written out, with the real minus, so that colour is never
 * the only sign.
 */
import type { Column, Unit } from "./generated/schema";
import type { Value } from "./socket/messages";

export const ABSENT = "–";
const MINUS = "−";

const MARKET_TIME = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** Dollars a share: cents, and below one dollar, where a cent is a large step, as many places as are needed. */
export function formatPrice(value: Value): string {
  return value === null ? ABSENT : dollars(value, 1).replace("-", MINUS);
}

/** A difference in dollars, with its sign; more places where it is less than a cent. */
export function formatChange(value: Value): string {
  return value === null ? ABSENT : sign(value) + dollars(Math.abs(value), LEAST_CENT);
}

/** A distance in dollars, such as a spread: no plus sign, places as for a change. */
export function formatDistance(value: Value): string {
  return value === null ? ABSENT : dollars(value, LEAST_CENT).replace("-", MINUS);
}

/** Percent as the feed states them: 12.5 means 12.5 %. Five digits at most, so that a cell holds them. */
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

/** Share counts: 950, 12.3K, 1.20M. Three significant places are what a glance can use. */
export function formatCompact(value: Value): string {
  if (value === null) return ABSENT;
  const size = Math.abs(value);
  for (const [step, suffix] of COMPACT_STEPS) {
    // 999,950 would round up to 1000K: such a value belongs to the next step.
    if (size >= step * 0.9995) return (value / step).toFixed(decimals(size / step)) + suffix;
  }
  return value.toFixed(0);
}

/** A share of a whole, in percent; with a sign only where it is below 0. */
export function formatShare(value: Value): string {
  return value === null ? ABSENT : `${value < 0 ? MINUS : ""}${Math.abs(value).toFixed(2)}%`;
}

/** Relative volume: how many times the average; 3.2×. */
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

/** When the market opens, in New York: Mon 04:00 ET. */
export function formatOpening(epochMs: number): string {
  return `${MARKET_OPENING.format(epochMs).replace(",", "")} ET`;
}

/** By how much a feed is late: 15 min. */
export function formatDelay(delayMs: number): string {
  return `${Math.round(delayMs / 60_000)} min`;
}

/** How long something took: milliseconds below a second, then as an age. */
export function formatDuration(durationMs: Value): string {
  if (durationMs === null) return ABSENT;
  return durationMs < 1000 ? `${durationMs.toFixed(0)} ms` : formatAge(durationMs);
}

/** What the number of a code means; the number itself where no name is known. */
export function formatCode(value: Value, names: ReadonlyMap<number, string>): string {
  return value === null ? ABSENT : (names.get(value) ?? value.toFixed(0));
}

/** What a title stands for, as its tooltip: the whole label where the title is a short one, and what the column says. */
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

/** How the values of a column are written: by its unit, as a change where they are signed, as words where they are codes. */
export function formatColumn(column: Column): (value: Value) => string {
  if (column.unit === "code") return (value) => formatCode(value, column.codes);
  if (column.signed) return column.unit === "percent" ? formatPercent : formatChange;
  return FORMAT_OF_UNIT[column.unit];
}

/** How old data is: tenths below ten seconds, then seconds, minutes, hours. */
export function formatAge(ageMs: number | null): string {
  if (ageMs === null) return ABSENT;
  const seconds = Math.max(0, ageMs) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** +1, 0 or −1 for a value and `null` for an absent one: the direction that colour and arrow show. */
export function direction(value: Value): 1 | 0 | -1 | null {
  return value === null ? null : (Math.sign(value) as 1 | 0 | -1);
}

// 9.99 less 9.98 is 0.0099999 in binary, and a cent to everybody.
const LEAST_CENT = 0.009_95;
const MOST_PLACES = 10;

/** Cents; of a size below `small` four places, or so many that three digits are left, without zeros at the end. */
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
