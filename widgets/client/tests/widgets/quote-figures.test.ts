import { describe, expect, it } from "vitest";
import type { Value } from "../../src/socket/messages";
import { positionInRange, quoteFigures } from "../../src/widgets/quote-figures";

const figures = (values: Record<string, Value>) => quoteFigures((column) => values[column] ?? null);

describe("the figures of a quote", () => {
  it("derive what today's shares cost", () => {
    expect(figures({ accumulated_volume: 50, aggregate_vwap: 3 }).dollarVolume).toBe(150);
    expect(figures({ accumulated_volume: 50 }).dollarVolume).toBeNull();
  });

  it("take the last trade for the price where no aggregate has come yet", () => {
    expect(figures({ last_price: 7 }).price).toBe(7);
    expect(figures({ last_price: 7, close: 8 }).price).toBe(8);
  });

  it("place price and VWAP in the range of the day", () => {
    const quote = figures({ close: 15, day_low: 10, day_high: 20, vwap: 20, aggregate_vwap: 12 });
    expect([quote.rangePosition, quote.vwapPosition]).toEqual([0.5, 0.2]);
  });

  it("keep zero as a value", () => {
    expect(figures({ accumulated_volume: 0, aggregate_vwap: 3, close: 0 })).toMatchObject({
      price: 0,
      dollarVolume: 0,
    });
  });
});

it.each([
  [15, 10, 20, 0.5],
  [25, 10, 20, 1],
  [10, 10, 10, null],
  [null, 10, 20, null],
])("price %s between %s and %s stands at %s", (price, low, high, position) => {
  expect(positionInRange(price, low, high)).toBe(position);
});
