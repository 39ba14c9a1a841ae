import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOARD_COLUMNS } from "../../src/generated/schema";
import {
  columnsOf,
  compareValues,
  fittingColumns,
  RANK_COLUMN,
  SYMBOL_WIDTH_PX,
  titleWidthPx,
} from "../../src/widgets/leaderboard/columns";

describe("sorting by a column", () => {
  it.each([false, true])("puts absent values last (descending: %s)", (descending) => {
    const values = [null, 0, -2, 5, null];
    const sorted = values.sort((a, b) => (descending ? -1 : 1) * compareValues(a, b, descending));
    expect(sorted).toEqual(descending ? [5, 0, -2, null, null] : [-2, 0, 5, null, null]);
  });
});

const BOARDS = Object.keys(BOARD_COLUMNS);

describe("the columns of a board", () => {
  const SCROLL_BAR_PX = 15;
  const names = (boardWidthPx: number, board = "scanners:top_gainers") =>
    fittingColumns(columnsOf(board), boardWidthPx - SCROLL_BAR_PX).map(({ name }) => name);
  const KEY = ["close", "pct_change", "accumulated_volume", "free_float", "relative_volume"];
  const PRICE_BOARDS = BOARDS.filter((board) => BOARD_COLUMNS[board]?.includes("change"));

  it.each(BOARDS)("of %s never need more room than there is", (board) => {
    fc.assert(
      fc.property(fc.integer({ min: 320, max: 4000 }), (boardWidthPx) => {
        const fixedPx = RANK_COLUMN.widthPx + SYMBOL_WIDTH_PX;
        const widthPx = fittingColumns(columnsOf(board), boardWidthPx).reduce(
          (sum, column) => sum + column.widthPx,
          fixedPx,
        );
        expect(widthPx).toBeLessThanOrEqual(boardWidthPx);
      }),
    );
  });

  it.each(BOARDS)("of %s all have room for their title and are there on a wide screen", (board) => {
    for (const { title, widthPx } of columnsOf(board))
      expect(widthPx).toBeGreaterThanOrEqual(titleWidthPx(title));
    expect(names(4000, board)).toEqual(BOARD_COLUMNS[board]);
  });

  it.each([
    ["two boards in 1440", 719],
    ["two boards in 1024", 511],
    ["three boards in 1920", 525],
  ])("hold price, percent, volume, float and relative volume with %s", (_name, boardWidthPx) => {
    expect(PRICE_BOARDS).toHaveLength(5);
    for (const board of PRICE_BOARDS) expect(names(boardWidthPx, board)).toEqual(expect.arrayContaining(KEY));
  });

  it("of a phone begin with the one that ranks the board, and have price, percent and volume", () => {
    expect(names(390)).toEqual(["pct_change_since_open", "close", "accumulated_volume", "pct_change"]);
    expect(names(360)).toEqual(["pct_change_since_open", "close", "accumulated_volume"]);
    expect(names(360, "scanners:top_gappers")).toEqual(["pct_change", "close", "accumulated_volume"]);
    expect(names(360, "scanners:halts")[0]).toBe("halt_timestamp");
  });

  it("are none where the schema has no such board", () => {
    expect(columnsOf("scanners:nope")).toEqual([]);
  });
});

it("a column is titled, formatted and coloured as the schema says", () => {
  const column = (name: string) => {
    const found = BOARDS.flatMap(columnsOf).find((each) => each.name === name);
    if (found === undefined) throw new Error(`no board shows ${name}`);
    return found;
  };
  expect([column("pct_change").title, column("pct_change").format(1.5), column("pct_change").signed]).toEqual(
    ["Chg %", "+1.50%", true],
  );
  expect([column("pct_change").explanation, column("gap_pct").explanation]).toEqual([
    "Change %: Change in percent of the previous day's close",
    "Opening in percent above or below the previous close",
  ]);
  expect([column("change").format(-0.5), column("close").format(12.3)]).toEqual(["−0.50", "12.30"]);
  expect([column("is_halted").format(1), column("halt_may_be_limit_pause").format(1)]).toEqual([
    "yes",
    "possible",
  ]);
  expect([column("trade_span_ms").format(950), column("relative_volume").format(3.2)]).toEqual([
    "950 ms",
    "3.20×",
  ]);
  expect([column("close").tick, column("change").tick, column("accumulated_volume").bar]).toEqual([
    true,
    false,
    true,
  ]);
});
