import { expect, it } from "vitest";
import { feedOf } from "../src/feeds";

it.each(["AAPL", "BRK.B", "BAC-A$", "A$$B", "A$&B", "A:B"])("the quote of %s bears its symbol as it is", (symbol) => {
  expect(feedOf("quote:{symbol}", symbol)).toBe(`quote:${symbol}`);
});
