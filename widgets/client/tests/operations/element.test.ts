// @vitest-environment happy-dom
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { OPERATIONS_FEED, OperationsElement } from "../../src/operations/element";
import type { FeedClient } from "../../src/socket/feed-client";
import { book, cacheAway, healthy, NOW_MS, process } from "./documents";

/** A client that notes who is subscribed to which feed. */
class Subscriptions {
  readonly feeds: string[] = [];
  readonly facts = { phase: "open" };

  subscribe(feed: string): () => void {
    this.feeds.push(feed);
    return () => this.feeds.splice(this.feeds.indexOf(feed), 1);
  }
}

beforeAll(() => {
  customElements.define("mdp-operations", OperationsElement);
});

let hidden = false;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance", "Date"] });
  hidden = false;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

async function shown(...documents: unknown[]): Promise<OperationsElement> {
  const element = document.createElement("mdp-operations") as OperationsElement;
  document.body.append(element);
  for (const each of documents) element.take(each);
  await element.updateComplete;
  return element;
}

function setHidden(value: boolean): void {
  hidden = value;
  document.dispatchEvent(new Event("visibilitychange"));
}

function textOf(element: Element, selector: string): string {
  return element.querySelector(selector)?.textContent?.replaceAll(/\s+/g, " ").trim() ?? "";
}

function badStations(page: Element): (string | null)[] {
  return [...page.querySelectorAll('.ops-station[data-state="bad"]')].map((each) => each.textContent);
}

describe("the operations page", () => {
  it("replaces what the server rendered", async () => {
    const element = document.createElement("mdp-operations") as OperationsElement;
    element.textContent = "as of the request";
    document.body.append(element);
    await element.updateComplete;
    expect(element.textContent).not.toContain("as of the request");
  });

  it("says the verdict, since when, what to do, and where the handbook has more", async () => {
    const findings = [
      {
        rule: "no scanner leads",
        severity: "down",
        what: "no scanner leads",
        advice: "Start one.",
        since_ms: NOW_MS - 30_000,
      },
      {
        rule: "old batches",
        severity: "degraded",
        what: "a queue waits",
        advice: "Add a processor.",
        since_ms: 0,
      },
    ];
    const page = await shown({
      ...healthy(),
      verdict: { state: "down", sentence: "No scanner leads.", findings },
    });
    const verdict = textOf(page, ".ops-verdict");
    expect(verdict).toContain("down No scanner leads. Since");
    expect(verdict).toContain("30 s ago");
    expect(verdict).toContain("What to do: Start one. docs/operations.md#no-scanner-leads");
    expect(textOf(page, ".ops-findings")).toContain(
      "1 more finding degraded A queue waits. Add a processor.",
    );
    expect(textOf(page, "[aria-live]")).toBe("down: no scanner leads");
  });

  it("marks a book that does not close, and says by how much", async () => {
    const rates = { in_per_second: 1, out_per_second: 1, lost_per_second: {} };
    const open = book("listener events", { received: 10, done: 7 });
    const page = await shown(healthy({ stages: [{ book: open, processes: 1, ...rates }] }));
    const row = page.querySelector('section[aria-labelledby="ops-books"] tr[data-look="bad"]');
    expect(row?.textContent?.replaceAll(/\s+/g, " ")).toContain("open by 3 events");
  });

  it("keeps a dead process in the list, with its end", async () => {
    const ended = process("scanner", { life: "ended", since_ms: NOW_MS - 5_000 });
    const report = { ...ended.report, end: "killed by signal 9" };
    const page = await shown(healthy({ processes: [process("web"), { ...ended, report }] }));
    const row = page.querySelector('tr[data-look="gone"]');
    expect(row?.textContent).toContain("ended: killed by signal 9");
    expect(row?.textContent).toContain("5 s ago");
  });

  it("shows text of outside as text", async () => {
    const hostile = process("web");
    const report = { ...hostile.report, name: "<img src=x onerror=alert(1)>" };
    const page = await shown(healthy({ processes: [{ ...hostile, report }] }));
    expect(page.querySelector("img")).toBeNull();
    expect(page.textContent).toContain("<img src=x onerror=alert(1)>");
  });

  it("shows what was set aside, escaped byte for byte", async () => {
    const text = "{\\x00<b>\\xff";
    const piece = { shard: 1, reason: "not_json", received_ms: NOW_MS - 4_000, byte_count: 5_000, text };
    const page = await shown(healthy({ set_aside: [piece] }));
    const row = textOf(page, "section[aria-labelledby=ops-set-aside] tbody tr");
    expect(row).toContain("not json");
    expect(row).toContain("4 s ago");
    expect(row).toContain("5,000");
    expect(row).toContain(text);
    expect(page.querySelector("b[class], td b")).toBeNull();
  });

  it("keeps the last tables while the cache is away, and says how old they are", async () => {
    const page = await shown(healthy());
    vi.advanceTimersByTime(3_000);
    page.take(cacheAway());
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("The cache cannot be read.");
    expect(textOf(page, ".ops-stale")).toContain("The tables below are 3 s old.");
    expect(page.querySelector(".ops-body")?.getAttribute("data-old")).toBe("true");
    expect(textOf(page, ".ops-table")).toContain("processor");
  });

  it("says that the server is silent, and ages grow on", async () => {
    const page = await shown(healthy());
    page.start(new Subscriptions() as unknown as FeedClient);
    vi.advanceTimersByTime(10_000);
    await page.updateComplete;
    const verdict = textOf(page, ".ops-verdict");
    expect(verdict).toContain("unknown This page has no news from the server: the server is silent.");
    expect(verdict).toContain("10 s ago");
    expect(textOf(page, ".ops-stale")).toContain("The tables below are 10 s old.");
    expect(textOf(page, ".ops-table tbody tr")).toContain("100 s");
  });

  it("calls nothing healthy, and shows no rate, once it has lost its connection", async () => {
    const page = await shown(healthy());
    const client = new Subscriptions();
    client.facts.phase = "waiting";
    page.start(client as unknown as FeedClient);
    vi.advanceTimersByTime(6_000);
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("the connection is lost");
    expect(page.textContent).not.toContain("healthy");
    const states = [...page.querySelectorAll<HTMLElement>(".ops-station")].map(
      ({ dataset }) => dataset["state"],
    );
    expect(new Set(states)).toEqual(new Set(["unknown"]));
    for (const { textContent } of page.querySelectorAll(".ops-inflow-rate b, .ops-legend b"))
      expect(textContent).toMatch(/^–/);
    expect(page.querySelector(".ops-body")?.getAttribute("data-old")).toBe("true");
    page.take(healthy({ read_at_ms: NOW_MS + 7_000 }));
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("healthy");
    expect(page.querySelector(".ops-stale")).toBeNull();
  });

  it("does not give a dead process the role that it had", async () => {
    const page = await shown(healthy({ processes: [process("scanner", { life: "silent" })] }));
    expect(textOf(page, "section[aria-labelledby=ops-processes] tbody tr")).toContain("was leadersilent");
  });

  it("shows queues as bad when a process cannot reach the broker, or the oldest batch is old", async () => {
    const cannot = process("processor");
    const unready = { queues: { text: "refused", since_ms: NOW_MS } };
    const away = await shown(healthy({ processes: [{ ...cannot, report: { ...cannot.report, unready } }] }));
    expect(badStations(away)).toContainEqual(expect.stringContaining("broker away"));
    const rates = { in_per_second: 1, out_per_second: 0, lost_per_second: {} };
    const queue = { queue: "trades", book: book("queue trades"), oldest_age_ms: 12_000, ...rates };
    const waits = await shown(healthy({ queues: [queue] }));
    expect(badStations(waits)).toContainEqual(expect.stringContaining("oldest 12 s"));
  });

  it("says that the database is away, and goes on", async () => {
    const page = await shown(healthy({ jobs: null, unread: { database: "connection refused" } }));
    expect(textOf(page, "section[aria-labelledby=ops-jobs]")).toContain("Not read: connection refused.");
    expect(textOf(page, ".ops-table")).toContain("processor");
  });

  it("does not show what it does not know", async () => {
    const page = await shown(healthy(), { verdict: 1 });
    expect(textOf(page, ".ops-stale")).toContain("Reload the page.");
  });

  it("stops while the page is hidden, and goes on when it is shown", async () => {
    const page = await shown(healthy());
    const client = new Subscriptions();
    page.start(client as unknown as FeedClient);
    expect(client.feeds).toEqual([OPERATIONS_FEED]);
    setHidden(true);
    expect(client.feeds).toEqual([]);
    setHidden(false);
    expect(client.feeds).toEqual([OPERATIONS_FEED]);
    page.remove();
    expect(client.feeds).toEqual([]);
  });
});
