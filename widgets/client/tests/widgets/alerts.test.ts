// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type PageContext, Selection } from "../../src/page";
import { FeedClient } from "../../src/socket/feed-client";
import { AlertsElement } from "../../src/widgets/alerts";
import { FakeBrowser, SOCKET } from "../socket/fake-browser";

customElements.define("mdp-alerts", AlertsElement);

const HIGHS = "daily_range_hod_alert";
const LOWS = "daily_range_lod_alert";
const HALTS = "halts";
const NOON_MS = Date.UTC(2026, 6, 1, 16, 0, 0);

let browser: FakeBrowser;
let context: PageContext;
let element: AlertsElement;

beforeEach(async () => {
  vi.useFakeTimers();
  browser = new FakeBrowser();
  context = {
    config: { ...SOCKET, states: new Map() },
    client: new FeedClient(browser),
    selection: new Selection(),
  };
  context.client.start();
  await browser.pass();
  browser.socket.accept();
  element = new AlertsElement();
  element.high = HIGHS;
  element.low = LOWS;
  element.halt = HALTS;
  element.context = context;
  document.body.append(element);
  await element.updateComplete;
  await browser.pass();
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

type Event = readonly [symbol: string, price: number, level: number, secondsAfterNoon: number];

const frame = (type: "snapshot" | "alert", feed: string, seq: number, events: readonly Event[]) => ({
  type,
  feed,
  epoch: "e1",
  seq,
  age_ms: 5,
  market_time_ms: NOON_MS,
  rows: events.map(([symbol, price, level, after]) => [symbol, price, level, NOON_MS + 1000 * after]),
  ...(type === "snapshot"
    ? { columns: ["price", "level", "start_timestamp"], limit: 200 }
    : { prev: seq - 1 }),
});

async function deliver(...frames: object[]): Promise<void> {
  for (const each of frames) browser.socket.deliver(each);
  browser.drawFrame();
  await element.updateComplete;
}

const textOf = (node: Element | null | undefined) => (node?.textContent ?? "").replace(/\s+/g, " ").trim();
const lines = () =>
  [...element.querySelectorAll("tbody tr")].map((row) => [...row.children].map(textOf).join(" "));
const button = (label: string) =>
  [...element.querySelectorAll<HTMLButtonElement>(".alert-kind")].find((each) => textOf(each) === label);

describe("the alerts", () => {
  it("ask only for the columns that they show", () => {
    for (const wish of browser.socket.wishes()) {
      expect(wish).toMatchObject({ columns: expect.arrayContaining(["pct_change", "relative_volume"]) });
    }
    expect(browser.socket.wishes()).toHaveLength(3);
  });

  it("are highs and lows in one list, the newest first, each with what it is in words", async () => {
    expect(browser.socket.feeds("subscribe")).toEqual([HIGHS, LOWS, HALTS]);
    await deliver(
      frame("snapshot", HIGHS, 1, [["AAA", 10.5, 10.4, 1]]),
      frame("snapshot", LOWS, 1, [["BBB", 3, 3.1, 2]]),
    );
    expect(lines()).toEqual([
      "12:00:02 ▼ BBB new low 3.00 3.10 – –",
      "12:00:01 ▲ AAA new high 10.50 10.40 – –",
    ]);
    await deliver(frame("alert", HIGHS, 2, [["AAA", 10.6, 10.5, 3]]));
    expect(lines()[0]).toBe("12:00:03 ▲ AAA new high 10.60 10.50 – –");
    expect(lines()).toHaveLength(3);
  });

  it("are halts and their ends too, with what it is and the newest price in sight", async () => {
    const columns = ["kind", "timestamp", "last_price", "last_timestamp", "close", "end_timestamp"];
    const halt = (symbol: string, kind: number, after: number, ...prices: (number | null)[]) => [
      symbol,
      kind,
      NOON_MS + 1000 * after,
      ...prices,
    ];
    const rows = [
      halt("AAA", 1, 1, 5, NOON_MS, 4.5, NOON_MS),
      halt("AAA", 0, 301, 5, NOON_MS, 6, NOON_MS + 1000),
      halt("BBB", 2, 302, null, null, 7, NOON_MS),
    ];
    const head = { type: "snapshot", feed: HALTS, epoch: "e1", seq: 1, age_ms: 5, market_time_ms: NOON_MS };
    await deliver({ ...head, columns, rows, limit: 200 });
    expect(lines()).toEqual([
      "12:05:02 ► BBB trades again 7.00 trades again – –",
      "12:05:01 ► AAA resumed 6.00 resumed – –",
      "12:00:01 ■ AAA halted 5.00 halted – –",
    ]);
    // Seen once (the cell), read aloud once (beside the symbol).
    const shown = [...element.querySelectorAll("tbody tr span")].filter(
      (span) => span.textContent?.trim() === "halted",
    );
    expect(shown.map((span) => [span.className, span.getAttribute("aria-hidden")])).toEqual([
      ["visually-hidden", null],
      ["", "true"],
    ]);
    await deliver(frame("snapshot", HIGHS, 1, [["CCC", 10.5, 10.4, 400]]));
    expect(lines()).toHaveLength(4);
    button("Highs")?.click();
    button("Lows")?.click();
    await element.updateComplete;
    expect(lines()).toHaveLength(3);
  });

  it("can be of one kind alone, but never none", async () => {
    await deliver(
      frame("snapshot", HIGHS, 1, [["AAA", 10.5, 10.4, 1]]),
      frame("snapshot", LOWS, 1, [["BBB", 3, 3.1, 2]]),
    );
    button("Highs")?.click();
    await element.updateComplete;
    expect([lines().length, button("Highs")?.getAttribute("aria-pressed")]).toEqual([1, "false"]);
    expect(lines()[0]).toContain("BBB");
    button("Halts")?.click();
    button("Lows")?.click();
    await element.updateComplete;
    expect(lines()[0]).toContain("AAA");
    expect(button("Lows")?.getAttribute("aria-pressed")).toBe("false");
  });

  it("stand still under a pointer, and catch up when it leaves", async () => {
    await deliver(frame("snapshot", HIGHS, 1, [["AAA", 10.5, 10.4, 1]]));
    const list = element.querySelector(".alert-list");
    list?.dispatchEvent(new Event("pointerenter"));
    await deliver(frame("alert", HIGHS, 2, [["CCC", 1, 0.9, 3]]));
    expect(lines()).toHaveLength(1);
    list?.dispatchEvent(new Event("pointerleave"));
    await element.updateComplete;
    expect(lines()[0]).toContain("CCC");
  });

  it("select their symbol for the page", async () => {
    await deliver(frame("snapshot", LOWS, 1, [["BBB", 3, 3.1, 2]]));
    element.querySelector<HTMLButtonElement>(".alert-symbol")?.click();
    await element.updateComplete;
    expect(context.selection.symbol).toBe("BBB");
    expect(element.querySelector("tr.selected")).not.toBeNull();
  });

  it("say so when there are none, and when the feed is refused", async () => {
    await deliver(frame("snapshot", HIGHS, 1, []));
    expect(textOf(element)).toContain("No high or low of the day was broken yet, and no symbol was halted");
    await deliver({ type: "error", code: "forbidden_feed", feed: HIGHS, message: "Not for you." });
    expect(textOf(element.querySelector("[role=alert]"))).toBe("Not for you.");
  });

  it("give their feeds up when they are taken out of the page", async () => {
    element.remove();
    await browser.pass();
    expect(browser.socket.feeds("unsubscribe")).toEqual([HIGHS, LOWS, HALTS]);
  });
});
