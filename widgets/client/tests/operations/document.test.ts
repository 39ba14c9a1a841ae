import { describe, expect, it } from "vitest";
import { closes, isRead, readDocument, unexplained } from "../../src/operations/document";
import { flowOf } from "../../src/operations/flow";
import { HISTORY_MS, History } from "../../src/operations/history";
import { age, instant, rate, reasons, span } from "../../src/operations/numbers";
import { anchorOf } from "../../src/operations/verdict";
import { book, cacheAway, healthy, NOW_MS, overview, process, sample } from "./documents";

describe("a document", () => {
  it("is read if it has a verdict and the lists of an overview", () => {
    expect(readDocument(healthy())).toEqual(healthy());
  });

  it.each([
    null,
    1,
    {},
    { verdict: {} },
    { ...healthy(), overview: {} },
    { ...healthy(), overview: { ...overview(), processes: null } },
    { ...healthy(), verdict: { state: "healthy", sentence: "Well." } },
  ])("is refused if it is %j", (value) => {
    expect(readDocument(value)).toBeNull();
  });

  it("means nothing but its verdict while the cache is away", () => {
    expect(isRead(cacheAway())).toBe(false);
    expect(isRead(healthy({ unread: { database: "away" } }))).toBe(true);
  });
});

describe("a book", () => {
  it("closes if every piece is passed on, waits, or is lost for a reason", () => {
    expect(closes(book("x", { received: 10, done: 6, waiting: 1, lost: { expired: 2, broken: 1 } }))).toBe(
      true,
    );
  });

  it("says by how much it does not close, in both directions", () => {
    expect(unexplained(book("x", { received: 10, done: 7 }))).toBe(3);
    expect(unexplained(book("x", { received: 7, done: 10 }))).toBe(-3);
    expect(closes(book("x", { received: 7, done: 10 }))).toBe(false);
    expect(closes(book("x", { received: 10, done: 7, tolerance: 3 }))).toBe(true);
  });
});

describe("the picture", () => {
  const stations = (document = healthy()) => new Map(flowOf(document).map((each) => [each.name, each]));

  it("leads from the provider to the browsers, with a rate on each arrow", () => {
    const flow = flowOf(healthy());
    expect(flow.map(({ name }) => name)).toEqual([
      "Provider",
      "Listener",
      "Queues",
      "Processors",
      "Cache",
      "Scanner",
      "Web",
      "Browsers",
    ]);
    expect(flow.slice(1).map(({ inflow }) => `${inflow?.rate} ${inflow?.unit}`)).toEqual([
      "2,500 events/s",
      "2,400 events/s",
      "2,400 batches/s",
      "2,400 events/s",
      "2,500 ticks/s",
      "2,400 ticks/s",
      "12.0 kB/s",
    ]);
    expect(flow.every(({ state }) => state === "ok")).toBe(true);
  });

  it("shows a service without a running process as bad", () => {
    const processes = [process("listener"), process("scanner", { life: "ended" })];
    const shown = stations(healthy({ processes }));
    expect(shown.get("Listener")?.state).toBe("ok");
    expect(shown.get("Scanner")).toMatchObject({ state: "bad", fact: "none runs" });
    expect(shown.get("Processors")).toMatchObject({ state: "bad", fact: "none known" });
  });

  it("names what was lost on an arrow, and alarms while something is being lost", () => {
    const rates = { in_per_second: 10, out_per_second: 9 };
    const lost = book("listener events", { received: 10, done: 8, lost: { expired: 2 } });
    const stages = [{ book: lost, processes: 1, ...rates, lost_per_second: { expired: 1 } }];
    expect(stations(healthy({ stages })).get("Queues")?.inflow).toMatchObject({
      lost: "expired 2",
      alarm: true,
    });
  });

  it("alarms if a book does not close, and says by how much", () => {
    const open = book("listener events", { received: 10, done: 7 });
    const rates = { in_per_second: 10, out_per_second: 9, lost_per_second: {} };
    const shown = stations(healthy({ stages: [{ book: open, processes: 1, ...rates }] }));
    expect(shown.get("Queues")?.inflow).toMatchObject({ lost: "unexplained 3", alarm: true });
  });

  it("knows nothing while the cache is away, and shows no zeros", () => {
    const flow = flowOf(cacheAway());
    expect(flow.find(({ name }) => name === "Cache")?.state).toBe("bad");
    expect(flow.filter(({ name }) => name !== "Cache").every(({ state }) => state === "unknown")).toBe(true);
    expect(flow.slice(1).every(({ inflow }) => inflow?.rate === "–")).toBe(true);
  });

  it("calls a closed market nothing bad", () => {
    const feed = { state: "market_closed", reason: "", broker: "ok" };
    expect(stations(healthy({ feed })).get("Provider")).toMatchObject({
      state: "off",
      fact: "market closed",
    });
  });
});

describe("the history", () => {
  it("keeps 15 minutes and not more", () => {
    const history = new History();
    for (let second = 0; second <= 1_000; second += 1) history.add(NOW_MS + second * 1_000, healthy());
    const [times] = history.columns(["received"]);
    expect(times).toHaveLength(HISTORY_MS / 1_000 + 1);
    expect(times.at(-1)).toBe(NOW_MS / 1_000 + 1_000);
  });

  it("has a gap where there was no news, or nothing could be read", () => {
    const history = new History();
    history.add(NOW_MS, healthy());
    history.add(NOW_MS + 60_000, healthy());
    history.add(NOW_MS + 61_000, null);
    expect(history.columns(["received"])[1]).toEqual([2_500, null, 2_500, null]);
    expect(history.newest("received")).toBeNull();
  });

  it("takes the same reading once", () => {
    const history = new History();
    history.add(NOW_MS, healthy());
    history.add(NOW_MS, healthy());
    expect(history.columns(["oldestMs", "sentKilobytes"])).toEqual([[NOW_MS / 1_000], [150], [12]]);
  });

  it("begins with the samples of the platform, and goes on with what the page sees", () => {
    const history = new History();
    history.add(NOW_MS + 1_000, healthy());
    history.begin([sample(NOW_MS - 10_000), sample(NOW_MS - 5_000), sample(NOW_MS)]);
    history.add(NOW_MS + 2_000, healthy());
    expect(history.columns(["received", "dataAgeMs"])).toEqual([
      [-10, -5, 0, 1, 2].map((seconds) => NOW_MS / 1_000 + seconds),
      [1_000, 1_000, 1_000, 2_500, 2_500],
      [250, 250, 250, 300, 300],
    ]);
  });

  it("never joins lines over a time in which no process kept samples", () => {
    const history = new History();
    history.begin([-60_000, -55_000, -20_000, -15_000, 0].map((ms) => sample(NOW_MS + ms)));
    expect(history.columns(["received"])[1]).toEqual([1_000, 1_000, null, 1_000, 1_000, null, 1_000]);
    expect(history.states().map(({ state }) => state)).toEqual(["healthy", null, "healthy", null, "healthy"]);
  });

  it("shows what was not known in a sample as a gap, and nothing lost as 0", () => {
    const history = new History();
    const unknown = { at_ms: NOW_MS, state: "down" } as const;
    history.begin([sample(NOW_MS - 5_000, { lost: { expired: 2, missing: 1 } }), unknown]);
    expect(history.columns(["received", "lost", "connections"]).slice(1)).toEqual([
      [1_000, null],
      [3, null],
      [3, null],
    ]);
    history.begin([sample(NOW_MS)]);
    expect(history.newest("lost")).toBe(0);
  });

  it("keeps what the page has seen if the platform has no samples", () => {
    const history = new History();
    history.add(NOW_MS, healthy());
    history.begin([]);
    expect(history.newestAtMs).toBe(NOW_MS);
  });

  it("asks for what it missed only after a real gap", () => {
    const history = new History();
    expect(history.hasGapBefore(NOW_MS)).toBe(false);
    history.add(NOW_MS, healthy());
    expect(history.hasGapBefore(NOW_MS + 5_000)).toBe(false);
    expect(history.hasGapBefore(NOW_MS + 60_000)).toBe(true);
  });

  it("knows how long each state of the verdict held", () => {
    const history = new History();
    history.begin([
      sample(NOW_MS - 15_000),
      sample(NOW_MS - 10_000, { state: "down" }),
      sample(NOW_MS - 5_000, { state: "down" }),
      sample(NOW_MS),
    ]);
    expect(history.states()).toEqual([
      { fromMs: NOW_MS - 15_000, toMs: NOW_MS - 10_000, state: "healthy" },
      { fromMs: NOW_MS - 10_000, toMs: NOW_MS, state: "down" },
      { fromMs: NOW_MS, toMs: NOW_MS, state: "healthy" },
    ]);
  });
});

describe("numbers", () => {
  it.each([
    [null, "–"],
    [0, "0 ms"],
    [999, "999 ms"],
    [1_500, "1 s"],
    [119_000, "119 s"],
    [120_000, "2 min"],
    [7_200_000, "2 h"],
    [172_800_000, "2 d"],
  ])("say a span of %s ms as %s", (ms, text) => {
    expect(span(ms)).toBe(text);
  });

  it("say rates with a tenth only where it matters", () => {
    expect([null, 0, 9.94, 9.96, 12_345.6].map(rate)).toEqual(["–", "0.0", "9.9", "10", "12,346"]);
  });

  it("say ages without flickering milliseconds", () => {
    expect([null, 350, 2_400].map(age)).toEqual(["–", "0 s", "2 s"]);
  });

  it("say an instant in UTC, with the date of another day", () => {
    expect(instant(NOW_MS, NOW_MS)).toMatch(/^\d\d:\d\d:\d\d UTC$/);
    expect(instant(NOW_MS - 86_400_000, NOW_MS)).toMatch(/^2026-11-\d\d \d\d:\d\d:\d\d UTC$/);
  });

  it("list reasons with their counts", () => {
    expect(reasons({ expired: 1_234, missing: 2 })).toBe("expired 1,234; missing 2");
    expect(reasons(undefined)).toBe("");
  });

  it("name the section of the handbook about a rule", () => {
    expect(anchorOf("scanner without a leader")).toBe("docs/operations.md#scanner-without-a-leader");
  });
});
