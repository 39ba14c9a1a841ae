import { expect, it } from "vitest";
import { feedOf } from "../src/feeds";

const SYMBOLS = ["AAPL", "BRK.B", "BAC-A$", "A$$B", "A$&B", "A:B"];

it.each(SYMBOLS)("the quote of %s bears its symbol as it is", (symbol) => {
  expect(feedOf("quote:{symbol}", symbol)).toBe(`quote:${symbol}`);
});
