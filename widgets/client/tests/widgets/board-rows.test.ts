import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FeedState } from "../../src/socket/feed-state";
import type { Row } from "../../src/socket/messages";
import { BoardRows, type RowChanges } from "../../src/widgets/leaderboard/board-rows";
import { snapshot, step } from "../socket/builders";

const A: Row = ["A", 1, 10];
const B: Row = ["B", 2, 20];

/** A grid reduced to what matters here: it fails where AG Grid would complain. */
class PlainGrid {
  readonly rows = new Map<string, Row>();

  apply({ add, update, remove }: RowChanges): void {
    for (const [symbol] of remove) if (!this.rows.delete(symbol)) throw new Error(`removed twice: ${symbol}`);
    for (const row of add) {
      if (this.rows.has(row[0])) throw new Error(`added twice: ${row[0]}`);
      this.rows.set(row[0], row);
    }
    for (const row of update) {
      if (!this.rows.has(row[0])) throw new Error(`updated without being there: ${row[0]}`);
      this.rows.set(row[0], row);
    }
  }
}

class Board {
  readonly feed = new FeedState();
  readonly rows = new BoardRows();
  readonly grid = new PlainGrid();
  #seq = 1;

  constructor(rows: readonly Row[]) {
    this.snapshot(rows);
  }

  snapshot(rows: readonly Row[]): void {
    this.feed.apply(snapshot({ seq: this.#seq, rows }), 0);
    this.draw();
  }

  /** The next state of the feed, as a delta. */
  become(rows: readonly Row[]): void {
    this.#seq += 1;
    this.feed.apply(step(this.#seq, [...this.feed.rows.values()], rows), 0);
    this.draw();
  }

  draw(): void {
    this.grid.apply(this.rows.apply(this.feed, this.feed.takeUpdate()));
  }

  release(): void {
    this.grid.apply(this.rows.release());
  }

  get symbols(): string[] {
    return [...this.grid.rows.keys()];
  }
}

describe("a board that nobody touches", () => {
  it("follows the feed: new, changed, gone", () => {
    const board = new Board([A, B]);
    board.become([
      ["B", 1, 21],
      ["C", 2, 5],
    ]);
    expect([...board.grid.rows.values()]).toEqual([
      ["B", 1, 21],
      ["C", 2, 5],
    ]);
  });

  it("after a new snapshot changes only what differs", () => {
    const board = new Board([A, B]);
    board.feed.apply(snapshot({ seq: 9, rows: [A, ["C", 2, 1]] }), 0);
    const changes = board.rows.apply(board.feed, board.feed.takeUpdate());
    expect(changes.add).toEqual([["C", 2, 1]]);
    expect(changes.remove).toEqual([B]);
  });
});

describe("while the order is held", () => {
  it("values change, and no row comes or goes", () => {
    const board = new Board([A, B]);
    board.rows.hold();
    board.become([
      ["C", 1, 99],
      ["A", 2, 11],
    ]);
    expect(board.grid.rows.get("A")).toEqual(["A", 2, 11]);
    expect(board.symbols).toEqual(["A", "B"]);
    expect([board.rows.isGone("A"), board.rows.isGone("B")]).toEqual([false, true]);
  });

  it("a symbol that comes back is no longer gone", () => {
    const board = new Board([A, B]);
    board.rows.hold();
    board.become([A]);
    board.become([A, ["B", 2, 22]]);
    expect(board.rows.isGone("B")).toBe(false);
    expect(board.grid.rows.get("B")).toEqual(["B", 2, 22]);
  });

  it("a new snapshot moves nothing either", () => {
    const board = new Board([A, B]);
    board.rows.hold();
    board.snapshot([
      ["C", 1, 1],
      ["A", 2, 12],
    ]);
    expect(board.symbols).toEqual(["A", "B"]);
    expect(board.rows.isGone("B")).toBe(true);
  });

  it("the release catches up with everything that was put off", () => {
    const board = new Board([A, B]);
    board.rows.hold();
    board.become([["C", 1, 99], A]);
    board.release();
    expect(new Set(board.symbols)).toEqual(new Set(["A", "C"]));
    expect(board.rows.isGone("B")).toBe(false);
  });
});

it("whatever happens, a board that is not held shows exactly the feed", () => {
  const symbol = fc.constantFrom("A", "B", "C", "D");
  const rows = fc.uniqueArray(fc.tuple(symbol, fc.nat(9), fc.nat(9)), { selector: ([name]) => name });
  const action = fc.oneof(
    fc.record({ kind: fc.constantFrom("delta" as const, "snapshot" as const), rows }),
    fc.record({ kind: fc.constantFrom("hold" as const, "release" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const board = new Board([A, B]);
      for (const action of actions) {
        const before = board.symbols;
        if (action.kind === "delta") board.become(action.rows);
        else if (action.kind === "snapshot") board.snapshot(action.rows);
        else if (action.kind === "hold") board.rows.hold();
        else board.release();
        if (board.rows.held) expect(board.symbols).toEqual(before);
        else expect(Object.fromEntries(board.grid.rows)).toEqual(Object.fromEntries(board.feed.rows));
      }
    }),
  );
});
