// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { COLUMNS } from "../../src/generated/schema";
import { type PageContext, readPageConfig, Selection } from "../../src/page";
import type { StateTexts } from "../../src/socket/connection-report";
import { FeedClient } from "../../src/socket/feed-client";
import { bindThemeToggle } from "../../src/theme";
import { BannerElement } from "../../src/widgets/banner";
import { ConnectionElement } from "../../src/widgets/connection";
import { QuoteElement } from "../../src/widgets/quote";
import { FakeBrowser, SOCKET } from "../socket/fake-browser";

customElements.define("mdp-connection", ConnectionElement);
customElements.define("mdp-quote", QuoteElement);
customElements.define("mdp-banner", BannerElement);

const STATES: StateTexts = new Map([
  ["live", { label: "Live", meaning: "The data is fresh.", alarm: "none" }],
  ["stale", { label: "Stale", meaning: "The data is old.", alarm: "warning" }],
  ["stopped", { label: "Stopped", meaning: "An operator stopped the listener.", alarm: "warning" }],
]);

let browser: FakeBrowser;
let context: PageContext;

beforeEach(async () => {
  vi.useFakeTimers();
  browser = new FakeBrowser();
  context = {
    config: { ...SOCKET, states: STATES },
    client: new FeedClient(browser),
    selection: new Selection(),
  };
  context.client.start();
  await browser.pass();
  browser.socket.accept();
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

async function show<E extends ConnectionElement | QuoteElement | BannerElement>(element: E): Promise<E> {
  element.context = context;
  document.body.append(element);
  await element.updateComplete;
  return element;
}

const textOf = (element: Element | null) => (element?.textContent ?? "").replace(/\s+/g, " ").trim();

describe("the banner", () => {
  const status = (banner?: string) => ({
    type: "status",
    state: "live",
    age_ms: 1,
    detail: "",
    opens_ms: null,
    ...(banner === undefined ? {} : { banner }),
  });

  it("shows the operator's text as text, until it is taken away", async () => {
    const element = await show(new BannerElement());
    expect(textOf(element)).toBe("");
    browser.socket.deliver(status("Late <b>trades</b> at 18:00"));
    await element.updateComplete;
    expect(textOf(element)).toBe("Late <b>trades</b> at 18:00");
    expect(element.querySelector("b")).toBeNull();
    browser.socket.deliver(status());
    await element.updateComplete;
    expect(textOf(element)).toBe("");
  });
});

describe("the quote", () => {
  const quote = (symbol: string, row: (number | null)[] | null) => ({
    type: "snapshot",
    feed: `quote:${symbol}`,
    epoch: "e1",
    seq: 1,
    age_ms: 5,
    market_time_ms: Date.UTC(2026, 6, 1, 13, 30, 0),
    columns: ["close", "change", "bid_price", "ask_price"],
    rows: row === null ? [] : [[symbol, ...row]],
  });

  it.each(["WFC+", "BRK.A", "BACpB", "BC/WS", "A:B", "GE#", "__proto__"])(
    "is there for %s",
    async (symbol) => {
      const element = await show(new QuoteElement());
      context.selection.select(symbol);
      await browser.pass();
      expect(browser.socket.feeds("subscribe")).toEqual([`quote:${symbol}`]);
      browser.socket.deliver(quote(symbol, [0.00005, null, 0, 0.0001]));
      browser.drawFrame();
      await element.updateComplete;
      expect(textOf(element.querySelector(".quote-head"))).toContain(`Quote ${symbol} 0.00005`);
    },
  );

  it("says off in place of a value, and since when a value counts", async () => {
    const element = await show(new QuoteElement());
    context.selection.select("AAA");
    await browser.pass();
    const since = Date.UTC(2026, 6, 1, 18, 3, 0);
    browser.socket.deliver({
      ...quote("AAA", [10, null, null, 11]),
      off: ["change", "bid_price"],
      partial: { ask_price: since },
    });
    browser.drawFrame();
    await element.updateComplete;
    const [bid, ask] = element.querySelectorAll(".book-cell");
    expect(textOf(bid ?? null)).toContain(`${COLUMNS.bid_price.shortLabel} (off) off`);
    expect(textOf(ask ?? null)).toContain(`${COLUMNS.ask_price.shortLabel}* 11.00`);
    expect(ask?.querySelector(".label")?.getAttribute("title")).toContain("since 14:03:00 ET");
  });

  it("follows the selection and leaves the symbol before", async () => {
    const element = await show(new QuoteElement());
    expect(textOf(element)).toContain("Select a row");
    context.selection.select("AAA");
    context.selection.select("BBB");
    await browser.pass();
    expect(browser.socket.feeds("subscribe")).toEqual(["quote:BBB"]);
    browser.socket.deliver(quote("BBB", [10.5, -0.25, 10.49, 10.51]));
    browser.drawFrame();
    await element.updateComplete;
    expect(textOf(element.querySelector(".quote-head"))).toBe("Quote BBB 10.50 −0.25 – 09:30:00 ET");
  });

  it("says that the symbol is halted, and since when", async () => {
    const element = await show(new QuoteElement());
    context.selection.select("AAA");
    const halted = Date.UTC(2026, 6, 1, 14, 0, 5);
    const columns = ["close", "is_halted", "halt_timestamp", "short_sale_restricted"];
    browser.socket.deliver({ ...quote("AAA", [1, 1, halted, 0]), columns });
    browser.drawFrame();
    await element.updateComplete;
    expect(textOf(element.querySelector(".quote-mark"))).toBe("Halted 10:00:05");
    browser.socket.deliver({ ...quote("AAA", [1, 0, halted, 1]), columns, seq: 2 });
    browser.drawFrame();
    await element.updateComplete;
    expect(textOf(element.querySelector(".quote-mark"))).toBe("SSR");
  });

  it("shows what the platform computed, under the titles of the schema", async () => {
    const element = await show(new QuoteElement());
    context.selection.select("AAA");
    const columns = [
      "bid_price",
      "bid_size",
      "ask_price",
      "ask_size",
      "spread",
      "spread_pct",
      "float_rotation",
      "gap_pct",
    ];
    browser.socket.deliver({ ...quote("AAA", [9.9, 300, 10.1, 200, 0.3, 7, 2.5, -1.5]), columns });
    browser.drawFrame();
    await element.updateComplete;
    const book = [...element.querySelectorAll(".book-cell")].map(textOf);
    expect(book.slice(0, 3)).toEqual(["Bid 9.90 × 300", "Ask 10.10 × 200", "Spread 0.30 7.00%"]);
    const figures = [...element.querySelectorAll(".figure")].map(textOf);
    expect(figures).toEqual(expect.arrayContaining(["Rotation2.50×", "Gap %−1.50%"]));
    expect(element.querySelector("dt")?.title).toBe(COLUMNS.official_open_price.description);
    expect([...element.querySelectorAll("dd.down")].map(textOf)).toEqual(["−1.50%"]);
  });

  it("gives its feed up when it is taken out of the page, and asks for it again when it is put back", async () => {
    const element = await show(new QuoteElement());
    context.selection.select("AAA");
    await browser.pass();
    element.remove();
    await browser.pass();
    expect(browser.socket.feeds("unsubscribe")).toEqual(["quote:AAA"]);
    document.body.append(element);
    await browser.pass();
    expect(browser.socket.feeds("subscribe")).toEqual(["quote:AAA", "quote:AAA"]);
  });

  it("says so when the symbol has not traded, and when the feed is refused", async () => {
    const element = await show(new QuoteElement());
    context.selection.select("QQQQ");
    browser.socket.deliver(quote("QQQQ", null));
    browser.drawFrame();
    await element.updateComplete;
    expect(textOf(element)).toContain("QQQQ has not traded today");
    browser.socket.deliver({
      type: "error",
      code: "forbidden_feed",
      feed: "quote:QQQQ",
      message: "Not for you.",
    });
    await element.updateComplete;
    expect(textOf(element.querySelector("[role=alert]"))).toBe("Not for you.");
  });
});

describe("the connection", () => {
  const status = (state: string, age_ms: number) => ({
    type: "status",
    state,
    age_ms,
    detail: "The feed is silent.",
  });

  it("shows state and age, and leads to the login when the session ends", async () => {
    const element = await show(new ConnectionElement());
    expect(textOf(element)).toContain("Connecting");
    browser.socket.deliver(status("live", 300));
    await element.updateComplete;
    expect(textOf(element)).toContain("Live Age 0.3 s");
    browser.socket.deliver({ ...status("stopped", 47_000), detail: "", feed_delay_ms: 900_000 });
    await element.updateComplete;
    expect(textOf(element)).toContain("Stopped Delayed 15 min Age 47 s");
    expect(textOf(element)).toContain("An operator stopped the listener.");
    expect(element.querySelector(".connection")?.getAttribute("data-alarm")).toBe("warning");
    browser.socket.lose(4401);
    await element.updateComplete;
    expect(textOf(element)).toContain("Logged out");
    expect(element.querySelector("a")?.textContent).toBe("Log in again");
  });

  it("announces a change of state as soon as it is shown", async () => {
    const element = await show(new ConnectionElement());
    const region = () => textOf(element.querySelector("[role=status]"));
    for (const [state, label] of [
      ["live", "Live"],
      ["stopped", "Stopped"],
    ] as const) {
      browser.socket.deliver(status(state, 10));
      await element.updateComplete;
      expect(region()).toBe(`Market data: ${label}`);
      expect(textOf(element.querySelector(".connection-state"))).toBe(label);
    }
  });

  it("announces each state of a flapping one at most once in ten seconds, and the last state in the end", async () => {
    const element = await show(new ConnectionElement());
    const region = () => textOf(element.querySelector("[role=status]"));
    const heard = [region()];
    for (let round = 0; round < 9; round += 1) {
      browser.socket.deliver(status(round % 2 ? "live" : "stale", 10));
      await browser.pass(500);
      if (region() !== heard.at(-1)) heard.push(region());
    }
    expect(heard).toEqual(["Market data: Connecting", "Market data: Stale", "Market data: Live"]);
    await browser.pass(10_000);
    expect(region()).toBe("Market data: Stale");
  });
});

describe("the page", () => {
  it("reads its configuration and says what is wrong with it", () => {
    const page = (config: string) => {
      document.body.innerHTML = `<script id="mdp-config" type="application/json">${config}</script>`;
      return document;
    };
    const states = { quiet: { label: "Quiet", meaning: "Silent.", alarm: "calm" } };
    const written = (changes: object) => page(JSON.stringify({ ...SOCKET, states, ...changes }));
    expect(readPageConfig(written({}))).toEqual({ ...SOCKET, states: new Map(Object.entries(states)) });
    expect(() => readPageConfig(written({ socketUrl: 7 }))).toThrow("socketUrl must be a string");
    expect(() => readPageConfig(written({ pageToken: "mdp.v2" }))).toThrow("pageToken must be a subprotocol");
    expect(() => readPageConfig(written({ pageTokenUrl: null }))).toThrow("pageTokenUrl must be a string");
    document.body.replaceChildren();
    expect(() => readPageConfig(document)).toThrow("#mdp-config");
  });

  it("switches the theme and remembers it in a cookie for the server", () => {
    document.body.innerHTML = "<button data-theme-toggle hidden>Theme</button>";
    document.documentElement.dataset["theme"] = "dark"; // As the server renders it for a visitor who chose dark.
    const button = document.querySelector("button") as HTMLButtonElement;
    bindThemeToggle(document);
    expect([button.hidden, button.textContent]).toEqual([false, "Light theme"]);
    button.click();
    expect([document.documentElement.dataset["theme"], button.textContent]).toEqual(["light", "Dark theme"]);
    expect(document.cookie).toContain("mdp_theme=light");
  });
});
