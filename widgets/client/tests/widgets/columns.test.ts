import { describe, expect, it } from "vitest";
import {
  BOARD_COLUMNS,
  barLength,
  compareValues,
  hiddenColumns,
  RANK_COLUMN,
  SYMBOL_WIDTH_PX,
} from "../../src/widgets/leaderboard/columns";

describe("sorting by a column", () => {
  it.each([false, true])("puts absent values last (descending: %s)", (descending) => {
    const values = [null, 0, -2, 5, null];
    const sorted = values.sort((a, b) => (descending ? -1 : 1) * compareValues(a, b, descending));
    expect(sorted).toEqual(descending ? [5, 0, -2, null, null] : [-2, 0, 5, null, null]);
  });
});

describe("the columns of a board", () => {
  it("fit a phone of 360 pixels with its scroll bar, without scrolling sideways", () => {
    const hidden = new Set(hiddenColumns(360));
    const shown = BOARD_COLUMNS.filter(({ name }) => !hidden.has(name));
    const widthPx = shown.reduce(
      (sum, column) => sum + column.widthPx,
      RANK_COLUMN.widthPx + SYMBOL_WIDTH_PX,
    );
    expect(shown.map(({ name }) => name)).toEqual(["close", "pct_change", "accumulated_volume"]);
    expect(widthPx).toBeLessThanOrEqual(360 - 15);
  });

  it("are all there on a wide board", () => {
    expect(hiddenColumns(700)).toEqual([]);
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
