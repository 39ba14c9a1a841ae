import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FeedState } from "../../src/socket/feed-state";
import type { Row } from "../../src/socket/messages";
import { alert, delta, resumed, snapshot, step } from "./builders";

const A: Row = ["AAA", 1, 10];
const B: Row = ["BBB", 2, 20];
const C: Row = ["CCC", 3, 30];

function loaded(rows: readonly Row[] = [A]): FeedState {
  const state = new FeedState();
  state.apply(snapshot({ rows }), 0);
  state.takeUpdate();
  return state;
}

/** The rows in rank order. */
function ranked(state: FeedState): Row[] {
  return [...state.rows.values()].sort(([a], [b]) => (state.rank(a) ?? 0) - (state.rank(b) ?? 0));
}

describe("the marks of columns", () => {
  it("are those of the newest snapshot", () => {
    const state = new FeedState();
    state.apply(snapshot({ off: ["close"], partial: new Map([["volume", 5]]) }), 0);
    expect([state.mark("close"), state.mark("volume"), state.isOff]).toEqual(["off", 5, false]);
    state.apply(snapshot({ seq: 2, off: ["volume", "close"] }), 0);
    expect(state.isOff).toBe(true);
    state.apply(snapshot({ seq: 3 }), 0);
    expect([state.mark("close"), state.mark("volume"), state.isOff]).toEqual([null, null, false]);
  });
});

describe("a feed that is a document", () => {
  it("is its newest document", () => {
    const state = new FeedState();
    expect(state.document).toBeNull();
    for (const seq of [7, 9]) {
      const head = { type: "document", feed: "operations", epoch: "1.0", seq, age_ms: null } as const;
      expect(state.apply({ ...head, document: { seq } }, 0)).toBe(true);
      expect(state.document).toEqual({ seq });
      expect(state.takeUpdate().reset).toBe(true);
    }
    expect(state.position).toEqual({ epoch: "1.0", seq: 9 });
  });
});

describe("a feed is its snapshot and the deltas that follow", () => {
  it("changes cells, then the order, with the rows of new symbols: the example of docs/protocol.md", () => {
    const state = new FeedState();
    const rows: Row[] = [
      ["AAPL", 190.2, 5],
      ["XYZ", 3.5, 7],
      ["MSFT", 410, 9],
    ];
    state.apply(snapshot({ columns: ["close", "volume"], rows }), 0);
    const change = delta(2, {
      cells: [[2, 2, 12]],
      order: ["IBM", [2, 1], [0, 1]],
      rows: [["IBM", 250.1, null]],
    });
    expect(state.apply(change, 0)).toBe(true);
    expect(ranked(state)).toEqual([
      ["IBM", 250.1, null],
      ["MSFT", 410, 12],
      ["AAPL", 190.2, 5],
    ]);
    expect(state.takeUpdate().removed).toEqual(new Set(["XYZ"]));
  });

  it("has one mask for 30 columns", () => {
    const columns = Array.from({ length: 81 }, (_, index) => `c${index}`);
    const state = new FeedState();
    state.apply(snapshot({ columns, rows: [["AAA", ...columns.map(() => 0)]] }), 0);
    const cells = [0, 2 ** 29 + 1, 1, 2 ** 20, 1, 2, 3, null];
    expect(state.apply(delta(2, { cells: [cells] }), 0)).toBe(true);
    const row = state.rows.get("AAA") as Row;
    const changed = columns.map((name) => state.value(row, name)).map((value, index) => [index, value]);
    expect(changed.filter(([, value]) => value !== 0)).toEqual([
      [0, 1],
      [29, 2],
      [30, 3],
      [80, null],
    ]);
  });

  it("does not modify rows that widgets hold", () => {
    const state = loaded();
    const held = state.rows.get("AAA");
    state.apply(delta(2, { cells: [[0, 1, 7]] }), 0);
    expect([held, state.rows.get("AAA")]).toEqual([A, ["AAA", 7, 10]]);
  });

  it("has no rows after an empty order, and rows again after the next", () => {
    const state = loaded([A, B]);
    expect(state.apply(delta(2, { order: [] }), 0)).toBe(true);
    expect(state.rows.size).toBe(0);
    expect(state.apply(delta(3, { order: ["CCC"], rows: [C] }), 0)).toBe(true);
    expect(ranked(state)).toEqual([C]);
  });

  it("reads values by column name; absent and unknown are null, zero stays zero", () => {
    const state = loaded();
    const row: Row = ["AAA", 0, null];
    expect(["volume", "close", "nope"].map((name) => state.value(row, name))).toEqual([0, null, null]);
  });

  it("follows any numbers, as long as each frame names the one before", () => {
    const state = loaded();
    expect(state.apply(delta(43, { prev: 1 }), 0)).toBe(true);
    expect(state.apply(delta(44, { prev: 43 }), 0)).toBe(true);
    expect(state.position).toEqual({ epoch: "e1", seq: 44 });
  });

  it.each([
    ["a gap", delta(3)],
    ["a repetition", delta(1)],
    ["another epoch", delta(2, { epoch: "e2" })],
    ["the end of a resume elsewhere", resumed(2)],
    ["an alert that does not fit", alert(2, [["AAA", 1]])],
    ["an alert for a table", alert(2, [B])],
    ["a place without row", delta(2, { cells: [[1, 1, 7]] })],
    ["a place that is none", delta(2, { cells: [[-1, 1, 7]] })],
    ["an entry without place", delta(2, { cells: [[]] })],
    ["an entry without mask", delta(2, { cells: [[0]] })],
    ["a mask of a column that is not there", delta(2, { cells: [[0, 4, 7]] })],
    ["a mask of more than 30 bits", delta(2, { cells: [[0, 2 ** 31 + 1, 7]] })],
    ["a mask that is no integer", delta(2, { cells: [[0, 1.5, 7]] })],
    ["an absent mask", delta(2, { cells: [[0, null, 7]] })],
    ["too few values", delta(2, { cells: [[0, 3, 7]] })],
    ["too many values", delta(2, { cells: [[0, 1, 7, 8]] })],
    ["rows that do not fit the columns", delta(2, { order: ["BBB"], rows: [["BBB", 1]] })],
    ["a new row without place", delta(2, { rows: [B] })],
    ["a new row that the order does not name", delta(2, { order: [[0, 1]], rows: [B] })],
    ["a new symbol without row", delta(2, { order: [[0, 1], "BBB"] })],
    ["a symbol twice", delta(2, { order: ["BBB", "BBB"], rows: [B] })],
    [
      "a former place twice",
      delta(2, {
        order: [
          [0, 1],
          [0, 1],
        ],
      }),
    ],
    ["a run beyond the end", delta(2, { order: [[0, 2]] })],
    ["a run of a negative place", delta(2, { order: [[-1, 1]] })],
    [
      "a run of negative length",
      delta(2, {
        order: [
          [1, -1],
          [0, 1],
        ],
      }),
    ],
    ["endless runs", delta(2, { order: Array.from({ length: 1_000 }, () => [0, 1] as const) })],
  ])("refuses %s, keeps what it held, and everything until the next snapshot", (_name, message) => {
    const state = loaded();
    expect(state.apply(message, 0)).toBe(false);
    expect(state.dirty).toBe(false);
    expect(state.position).toBeNull();
    expect(state.apply(delta(2, { order: ["BBB"], rows: [B] }), 0)).toBe(false);
    expect([...state.rows.values()]).toEqual([A]);
    state.apply(snapshot({ epoch: "e2", seq: 9, rows: [C] }), 0);
    expect(state.apply(delta(10, { epoch: "e2" }), 0)).toBe(true);
    expect([...state.rows.values()]).toEqual([C]);
  });

  it("refuses deltas, and the end of a resume, before the first snapshot", () => {
    expect(new FeedState().apply(delta(1), 0)).toBe(false);
    expect(new FeedState().apply(resumed(0, { epoch: "" }), 0)).toBe(false);
  });

  it("is at the end of a resume when it holds all of it, and knows the age that is true now", () => {
    const state = loaded();
    state.apply(delta(2, { cells: [[0, 1, 7]], age_ms: 20_000 }), 0);
    expect(state.apply(resumed(2, { age_ms: 90 }), 5)).toBe(true);
    expect(state.ageMs(5)).toBe(90);
    expect(state.apply(delta(3), 0)).toBe(true);
  });
});

describe("the rank of a symbol is its place", () => {
  it("in the snapshot, then in the newest order", () => {
    const state = loaded([A, B, C]);
    expect(["AAA", "BBB", "CCC", "ZZZ"].map((symbol) => state.rank(symbol))).toEqual([1, 2, 3, null]);
    state.apply(delta(2, { order: [[2, 1], "DDD", [0, 1]], rows: [["DDD", 1, 1]] }), 0);
    expect(["AAA", "BBB", "CCC", "DDD"].map((symbol) => state.rank(symbol))).toEqual([3, null, 1, 2]);
  });

  it("stays when nothing is said of it, and changes the symbol when it changes", () => {
    const state = loaded([A, B, C]);
    state.apply(delta(2, { cells: [[2, 3, 2, 2]] }), 0);
    expect(state.rank("CCC")).toBe(3);
    expect(state.takeUpdate().changed).toEqual(new Set(["CCC"]));
    state.apply(
      delta(3, {
        order: [
          [1, 1],
          [0, 1],
          [2, 1],
        ],
      }),
      0,
    );
    expect(state.takeUpdate().changed).toEqual(new Set(["AAA", "BBB"]));
  });
});

describe("age is what the server said plus the time since, on one monotonic clock", () => {
  it("grows between frames and falls back with each", () => {
    const state = new FeedState();
    expect(state.ageMs(5)).toBeNull();
    state.apply(snapshot({ age_ms: 100 }), 1_000);
    expect(state.ageMs(1_250)).toBe(350);
    state.apply(delta(2), 2_000);
    expect(state.ageMs(2_000)).toBe(50);
  });

  it("is unknown when the server does not know it", () => {
    const state = new FeedState();
    state.apply(snapshot({ age_ms: null }), 0);
    expect(state.ageMs(10)).toBeNull();
  });
});

describe("changes are folded between two takes", () => {
  it("names a symbol once, by its last fate", () => {
    const state = loaded([A]);
    state.apply(step(2, [A], [A, B]), 0);
    state.apply(step(3, [A, B], [["BBB", 2, 2]]), 0);
    state.apply(step(4, [["BBB", 2, 2]], [["AAA", 1, 3]]), 0);
    expect(state.takeUpdate()).toEqual({
      reset: false,
      changed: new Set(["AAA"]),
      removed: new Set(["BBB"]),
    });
    expect(state.dirty).toBe(false);
  });

  it("a snapshot makes all earlier changes moot", () => {
    const state = loaded();
    state.apply(step(2, [A], [A, B]), 0);
    state.apply(snapshot({ seq: 7 }), 0);
    expect(state.takeUpdate()).toEqual({ reset: true, changed: new Set(), removed: new Set() });
  });

  it("whatever the deltas and whenever they are taken, state and updates give the server's table", () => {
    const width = fc.constantFrom(1, 2, 30, 31, 81);
    const value = fc.option(fc.integer({ min: 0, max: 3 }));
    const run = width.chain((columns) =>
      fc.record({
        columns: fc.constant(Array.from({ length: columns }, (_, index) => `c${index}`)),
        states: fc.array(
          fc.uniqueArray(
            fc.tuple(
              fc.constantFrom("A", "B", "C", "D", "E", "F", "G"),
              fc.array(value, { minLength: columns, maxLength: columns }),
            ),
            { selector: ([symbol]) => symbol },
          ),
          { maxLength: 15 },
        ),
        takes: fc.infiniteStream(fc.boolean()),
      }),
    );
    fc.assert(
      fc.property(run, ({ columns, states, takes }) => {
        const state = new FeedState();
        state.apply(snapshot({ columns, rows: [] }), 0);
        state.takeUpdate();
        const copy = new Map<string, Row>();
        const take = () => {
          const { changed, removed } = state.takeUpdate();
          for (const symbol of removed) copy.delete(symbol);
          for (const symbol of changed) copy.set(symbol, state.rows.get(symbol) ?? ["gone"]);
        };
        let server: Row[] = [];
        states.forEach((next, index) => {
          const after = next.map(([symbol, values]): Row => [symbol, ...values]);
          expect(state.apply(step(index + 2, server, after), 0)).toBe(true);
          server = after;
          expect(ranked(state)).toEqual(server);
          if (takes.next().value) take();
        });
        take();
        expect(Object.fromEntries(copy)).toEqual(Object.fromEntries(state.rows));
      }),
    );
  });
});

describe("a feed of events", () => {
  const loadedEvents = () => {
    const state = new FeedState();
    state.apply(snapshot({ limit: 3, rows: [["AAA", 1, 10]] }), 0);
    return state;
  };

  it("appends what happens, also of a symbol that it holds, and forgets the oldest beyond its limit", () => {
    const state = loadedEvents();
    expect(
      state.apply(
        alert(2, [
          ["AAA", 1, 11],
          ["BBB", 1, 5],
        ]),
        0,
      ),
    ).toBe(true);
    expect(state.apply(alert(3, [["AAA", 1, 12]]), 0)).toBe(true);
    expect(state.events).toEqual([
      ["AAA", 1, 11],
      ["BBB", 1, 5],
      ["AAA", 1, 12],
    ]);
    expect(state.rows.size).toBe(0);
    expect(state.dirty).toBe(true);
  });

  it.each([
    ["a hole in the sequence", alert(3, [["BBB", 1, 5]])],
    ["another epoch", alert(2, [["BBB", 1, 5]], { epoch: "e2" })],
    ["rows that do not fit the columns", alert(2, [["BBB", 1]])],
    ["a delta of a table", delta(2)],
  ])("changes nothing after %s, until a snapshot comes", (_name, message) => {
    const state = loadedEvents();
    expect(state.apply(message, 0)).toBe(false);
    expect(state.apply(alert(2, []), 0)).toBe(false);
    expect(state.events).toEqual([["AAA", 1, 10]]);
    state.apply(snapshot({ limit: 3, seq: 9, rows: [] }), 0);
    expect(state.events).toEqual([]);
    expect(state.apply(alert(10, [["BBB", 1, 5]]), 0)).toBe(true);
  });
});
