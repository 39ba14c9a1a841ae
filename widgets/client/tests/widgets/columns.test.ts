import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BOARD_COLUMNS,
  barLength,
  compareValues,
  fittingColumns,
  RANK_COLUMN,
  SYMBOL_WIDTH_PX,
  showableColumns,
} from "../../src/widgets/leaderboard/columns";

describe("sorting by a column", () => {
  it.each([false, true])("puts absent values last (descending: %s)", (descending) => {
    const values = [null, 0, -2, 5, null];
    const sorted = values.sort((a, b) => (descending ? -1 : 1) * compareValues(a, b, descending));
    expect(sorted).toEqual(descending ? [5, 0, -2, null, null] : [-2, 0, 5, null, null]);
  });
});

describe("the columns of a board", () => {
  const SCROLL_BAR_PX = 15;
  const GAINERS = showableColumns([
    "close",
    "pct_change",
    "accumulated_volume",
    "pct_change_since_open",
    "relative_volume",
    "free_float",
    "change",
    "not a column of a board",
    "day_high",
  ]);
  const names = (boardWidthPx: number) =>
    fittingColumns(GAINERS, boardWidthPx - SCROLL_BAR_PX).map(({ name }) => name);
  const KEY = ["close", "pct_change", "accumulated_volume", "free_float", "relative_volume"];

  it("never need more room than there is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 320, max: 4000 }), (boardWidthPx) => {
        const fixedPx = RANK_COLUMN.widthPx + SYMBOL_WIDTH_PX;
        const widthPx = fittingColumns(BOARD_COLUMNS, boardWidthPx).reduce(
          (sum, column) => sum + column.widthPx,
          fixedPx,
        );
        expect(widthPx).toBeLessThanOrEqual(boardWidthPx);
      }),
    );
  });

  it.each([
    ["two boards in 1440", 719],
    ["two boards in 1024", 511],
    ["three boards in 1920", 525],
  ])("hold price, percent, volume, float and relative volume with %s", (_name, boardWidthPx) => {
    expect(names(boardWidthPx)).toEqual(expect.arrayContaining(KEY));
  });

  it("of a phone are price, percent and volume, and the percent that gainers are ranked by", () => {
    expect(names(360)).toEqual(["close", "pct_change", "accumulated_volume"]);
    expect(names(390)).toEqual(["close", "pct_change", "pct_change_since_open", "accumulated_volume"]);
  });

  it("are all there on a wide board, in the order in which every board has them", () => {
    expect(names(1200)).toEqual([
      "close",
      "change",
      "pct_change",
      "pct_change_since_open",
      "accumulated_volume",
      "free_float",
      "relative_volume",
      "day_high",
    ]);
  });
});

it.each([
  [null, 0],
  [-1, 0],
  [2.5, 0.5],
  [50, 1],
])("a relative volume of %s draws a bar of %d", (relativeVolume, length) => {
  expect(barLength(relativeVolume)).toBe(length);
});
