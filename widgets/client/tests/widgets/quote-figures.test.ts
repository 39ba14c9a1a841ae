import { describe, expect, it } from "vitest";
import type { Value } from "../../src/socket/messages";
import { positionInRange, quoteFigures } from "../../src/widgets/quote-figures";

const figures = (values: Record<string, Value>) => quoteFigures((column) => values[column] ?? null, null);

describe("the figures of a quote", () => {
  it("derive spread and float turnover", () => {
    const quote = figures({ bid_price: 9.9, ask_price: 10.1, accumulated_volume: 50, free_float: 200 });
    expect(quote.spread).toBeCloseTo(0.2);
    expect(quote.spreadPercent).toBeCloseTo(2);
    expect(quote.floatTraded).toBe(25);
  });

  it("derive what today's shares cost", () => {
    expect(figures({ accumulated_volume: 50, aggregate_vwap: 3 }).dollarVolume).toBe(150);
    expect(figures({ accumulated_volume: 50 }).dollarVolume).toBeNull();
  });

  it("treat a price of 0 as an empty side, with neither size nor spread", () => {
    const quote = figures({ bid_price: 0, bid_size: 300, ask_price: 10, ask_size: 200 });
    expect([quote.bidPrice, quote.bidSize, quote.spread, quote.spreadPercent]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect([quote.askPrice, quote.askSize]).toEqual([10, 200]);
  });

  it("take the last trade for the price where no aggregate has come yet", () => {
    expect(figures({ last_price: 7 }).price).toBe(7);
    expect(figures({ last_price: 7, close: 8 }).price).toBe(8);
  });

  it("show the VWAP of the day, not that of the newest second", () => {
    expect(figures({ vwap: 9, aggregate_vwap: 10 }).vwap).toBe(10);
  });

  it("keep zero as a value", () => {
    expect(figures({ accumulated_volume: 0, change: 0 })).toMatchObject({
      volume: 0,
      change: 0,
      percentChange: null,
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
