import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FeedState } from "../../src/socket/feed-state";
import type { Row } from "../../src/socket/messages";
import { alert, delta, snapshot } from "./builders";

function loaded(): FeedState {
  const state = new FeedState();
  state.apply(snapshot(), 0);
  state.takeUpdate();
  return state;
}

describe("a feed is its snapshot and the deltas that follow", () => {
  it("replaces changed rows, adds new ones, drops removed ones", () => {
    const state = loaded();
    expect(
      state.apply(
        delta(2, [
          ["BBB", 1, 5],
          ["AAA", 2, 11],
        ]),
        0,
      ),
    ).toBe(true);
    expect(state.apply(delta(3, [["BBB", 1, 6]], ["AAA"]), 0)).toBe(true);
    expect([...state.rows.values()]).toEqual([["BBB", 1, 6]]);
  });

  it("reads values by column name; absent and unknown are null, zero stays zero", () => {
    const state = loaded();
    const row: Row = ["AAA", 0, null];
    expect([state.value(row, "rank"), state.value(row, "close"), state.value(row, "nope")]).toEqual([
      0,
      null,
      null,
    ]);
  });

  it.each([
    ["a gap", delta(3)],
    ["a repetition", delta(1)],
    ["another epoch", delta(2, [], [], "e2")],
    ["rows that do not fit the columns", delta(2, [["AAA", 1]])],
  ])("refuses %s, keeps what it held, and everything until the next snapshot", (_name, message) => {
    const state = loaded();
    expect(state.apply(message, 0)).toBe(false);
    expect(state.apply(delta(2, [["ZZZ", 1, 1]]), 0)).toBe(false);
    expect([...state.rows.keys()]).toEqual(["AAA"]);
    state.apply(snapshot({ epoch: "e2", seq: 9, rows: [["CCC", 1, 1]] }), 0);
    expect(state.apply(delta(10, [], [], "e2"), 0)).toBe(true);
    expect([...state.rows.keys()]).toEqual(["CCC"]);
  });

  it("refuses deltas before the first snapshot", () => {
    expect(new FeedState().apply(delta(1), 0)).toBe(false);
  });
});

describe("the rank of a symbol is its place", () => {
  it("in the snapshot, then in the newest order", () => {
    const state = new FeedState();
    const rows: Row[] = ["AAA", "BBB", "CCC"].map((symbol) => [symbol, 1, 1]);
    state.apply(snapshot({ rows }), 0);
    expect(["AAA", "BBB", "CCC", "ZZZ"].map((symbol) => state.rank(symbol))).toEqual([1, 2, 3, null]);
    state.apply(delta(2, [["DDD", 1, 1]], ["BBB"], "e1", ["CCC", "DDD", "AAA"]), 0);
    expect(["AAA", "BBB", "CCC", "DDD"].map((symbol) => state.rank(symbol))).toEqual([3, null, 1, 2]);
  });

  it("stays when nothing is said of it, and changes the symbol when it changes", () => {
    const state = new FeedState();
    const rows: Row[] = ["AAA", "BBB", "CCC"].map((symbol) => [symbol, 1, 1]);
    state.apply(snapshot({ rows }), 0);
    state.takeUpdate();
    state.apply(delta(2, [["CCC", 2, 2]]), 0);
    expect(state.rank("CCC")).toBe(3);
    expect(state.takeUpdate().changed).toEqual(new Set(["CCC"]));
    state.apply(delta(3, [], [], "e1", ["BBB", "AAA", "CCC"]), 0);
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
    const state = loaded();
    state.apply(delta(2, [["BBB", 2, 1]]), 0);
    state.apply(delta(3, [["BBB", 2, 2]], ["AAA"]), 0);
    state.apply(delta(4, [["AAA", 1, 3]], ["BBB"]), 0);
    expect(state.takeUpdate()).toEqual({
      reset: false,
      changed: new Set(["AAA"]),
      removed: new Set(["BBB"]),
    });
    expect(state.dirty).toBe(false);
  });

  it("a snapshot makes all earlier changes moot", () => {
    const state = loaded();
    state.apply(delta(2, [["BBB", 2, 1]]), 0);
    state.apply(snapshot({ seq: 7 }), 0);
    expect(state.takeUpdate()).toEqual({ reset: true, changed: new Set(), removed: new Set() });
  });

  it("whatever the deltas and whenever they are taken, applying the updates to a copy gives the feed", () => {
    const symbols = fc.constantFrom("A", "B", "C", "D", "E");
    const step = fc.record({
      rows: fc.uniqueArray(fc.tuple(symbols, fc.nat(9), fc.nat(9)), { selector: ([symbol]) => symbol }),
      removed: fc.uniqueArray(symbols),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const state = loaded();
        const copy = new Map(state.rows);
        const take = () => {
          const { changed, removed } = state.takeUpdate();
          for (const symbol of removed) copy.delete(symbol);
          for (const symbol of changed) copy.set(symbol, state.rows.get(symbol) ?? ["gone"]);
        };
        steps.forEach(({ rows, removed, take: now }, index) => {
          state.apply(delta(index + 2, rows, removed), 0);
          if (now) take();
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
    ["another epoch", alert(2, [["BBB", 1, 5]], "e2")],
    ["rows that do not fit the columns", alert(2, [["BBB", 1]])],
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
