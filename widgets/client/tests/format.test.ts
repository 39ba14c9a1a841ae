import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  barLength,
  formatAge,
  formatChange,
  formatCode,
  formatCompact,
  formatDistance,
  formatDuration,
  formatMarketTime,
  formatMultiple,
  formatPercent,
  formatPrice,
  formatShare,
} from "../src/format";

describe("numbers as a trader reads them", () => {
  it.each([
    [formatPrice, 12.3, "12.30"],
    [formatPrice, 0.1234, "0.1234"],
    [formatPrice, 0, "0.00"],
    [formatPrice, 0.5, "0.5000"],
    [formatPrice, 0.00005, "0.00005"],
    [formatPrice, 0.0012, "0.0012"],
    [formatPrice, 0.00123, "0.00123"],
    [formatPrice, 0.000051234, "0.0000512"],
    [formatPrice, 1e-10, "0.0000000001"],
    [formatChange, -0.00005, "−0.00005"],
    [formatChange, 0.0001, "+0.0001"],
    [formatDistance, 0.000002, "0.000002"],
    [formatChange, 1.5, "+1.50"],
    [formatChange, -0.004, "−0.0040"],
    [formatChange, 0, "0.00"],
    [formatDistance, 0.02, "0.02"],
    [formatDistance, 9.99 - 9.98, "0.01"],
    [formatDistance, -0.02, "−0.02"],
    [formatPercent, 12.5, "+12.50%"],
    [formatPercent, -3.456, "−3.46%"],
    [formatPercent, 107.18, "+107.2%"],
    [formatPercent, 1234.56, "+1235%"],
    [formatShare, 2.345, "2.35%"],
    [formatShare, -0.5, "−0.50%"],
    [formatCompact, 0, "0"],
    [formatCompact, 950, "950"],
    [formatCompact, 12_345, "12.3K"],
    [formatCompact, 999_949, "1.00M"],
    [formatCompact, 1_200_000, "1.20M"],
    [formatCompact, 3_400_000_000, "3.40B"],
    [formatMultiple, 3.214, "3.21×"],
    [formatMultiple, 31.24, "31.2×"],
    [formatDuration, 0, "0 ms"],
    [formatDuration, 740, "740 ms"],
    [formatDuration, 61_400, "61 s"],
  ])("%o(%d) is %s", (format, value, text) => {
    expect(format(value)).toBe(text);
  });

  it("a price that is not 0 never reads as 0, and keeps three digits", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-7, max: 1e6, noNaN: true }), (price) => {
        expect(Math.abs(Number(formatPrice(price)) - price)).toBeLessThanOrEqual(0.00501 * price + 1e-12);
      }),
    );
  });

  it("absent is a dash, never a number", () => {
    for (const format of [
      formatPrice,
      formatChange,
      formatPercent,
      formatCompact,
      formatMultiple,
      formatDistance,
    ]) {
      expect(format(null)).toBe("–");
    }
    expect([formatMarketTime(null), formatMarketTime(0), formatAge(null)]).toEqual(["–", "–", "–"]);
  });

  it("share counts stay within six characters", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (shares) => {
        expect(formatCompact(shares).length).toBeLessThanOrEqual(6);
      }),
    );
  });
});

describe("times", () => {
  it.each([
    [Date.UTC(2026, 6, 1, 13, 30, 0), "09:30:00"],
    [Date.UTC(2026, 11, 1, 14, 30, 5), "09:30:05"],
    [Date.UTC(2026, 6, 1, 4, 0, 0), "00:00:00"],
  ])("%d is %s in New York, in summer and winter", (epochMs, text) => {
    expect(formatMarketTime(epochMs)).toBe(text);
  });

  it.each([
    [-5, "0.0 s"],
    [240, "0.2 s"],
    [9_949, "9.9 s"],
    [9_951, "10 s"],
    [99_400, "99 s"],
    [99_600, "2 min"],
    [7_200_000, "2 h"],
  ])("an age of %d ms is %s", (ageMs, text) => {
    expect(formatAge(ageMs)).toBe(text);
  });
});

it.each([
  [1, "yes"],
  [0, "no"],
  [7, "7"],
  [null, "–"],
])("the code %s reads %s", (code, text) => {
  const names = new Map([
    [0, "no"],
    [1, "yes"],
  ]);
  expect(formatCode(code, names)).toBe(text);
});

it.each([
  [null, 0],
  [-1, 0],
  [2.5, 0.5],
  [50, 1],
])("a relative volume of %s draws a bar of %d", (relativeVolume, length) => {
  expect(barLength(relativeVolume)).toBe(length);
});
