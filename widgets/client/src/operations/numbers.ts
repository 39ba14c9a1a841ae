/** Numbers and times for operators, each with its unit. An absent value is an en dash, never 0. */
import { ABSENT } from "../format";

const GROUPED = new Intl.NumberFormat("en-US");
const TENTHS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const INSTANT = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat("sv-SE", { timeZone: "UTC" });
const DAY_MS = 86_400_000;
const UNITS = [
  [DAY_MS, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? ABSENT : GROUPED.format(value);
}

/** `1 connection`, `2 connections`. */
export function numbered(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A rate, with a tenth below 10. */
export function rate(perSecond: number | null): string {
  if (perSecond === null) return ABSENT;
  return perSecond < 9.95 ? TENTHS.format(perSecond) : GROUPED.format(Math.round(perSecond));
}

/** A duration in one unit: 350 ms, 12 s, 3 min, 5 h, 2 d. From two of a unit on, in this unit. */
export function span(durationMs: number | null): string {
  if (durationMs === null) return ABSENT;
  const size = Math.max(0, durationMs);
  if (size < 1_000) return `${Math.round(size)} ms`;
  const unit = UNITS.find(([length]) => size >= 2 * length);
  return unit === undefined ? `${Math.floor(size / 1_000)} s` : `${Math.floor(size / unit[0])} ${unit[1]}`;
}

/** As `span`, without the milliseconds that would flicker in an age which is counted in seconds. */
export function age(durationMs: number | null): string {
  return durationMs === null ? ABSENT : durationMs < 1_000 ? "0 s" : span(durationMs);
}

export function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? ABSENT : GROUPED.format(Math.round(bytes / 2 ** 20));
}

export function kilobytes(bytes: number | null): string {
  return bytes === null ? ABSENT : TENTHS.format(bytes / 1_000);
}

export function share(part: number | undefined): string {
  return `${TENTHS.format(100 * (part ?? 0))} %`;
}

/** A time of day in UTC, with its date if that is another one than that of `nowMs`. */
export function instant(epochMs: number, nowMs: number): string {
  const time = INSTANT.format(epochMs);
  const today = Math.floor(epochMs / DAY_MS) === Math.floor(nowMs / DAY_MS);
  return today ? `${time} UTC` : `${DAY.format(epochMs)} ${time} UTC`;
}

/** `expired 7; missing 2`; empty if there is nothing. */
export function reasons(counts: Readonly<Record<string, number>> | undefined): string {
  return Object.entries(counts ?? {})
    .map(([reason, number]) => `${reason} ${count(number)}`)
    .join("; "); // Some reasons have a comma.
}
