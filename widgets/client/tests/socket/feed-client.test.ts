import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FeedClient } from "../../src/socket/feed-client";
import type { Row } from "../../src/socket/messages";
import { alert, delta, FEED, snapshot, step } from "./builders";
import { FakeBrowser } from "./fake-browser";
import { Recorder } from "./recorder";

const A: Row = ["AAA", 1, 10];

let browser: FakeBrowser;
let client: FeedClient;

beforeEach(() => {
  vi.useFakeTimers();
  browser = new FakeBrowser();
  client = new FeedClient(browser);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function open(): Promise<void> {
  client.start();
  await browser.pass();
  browser.socket.accept();
  await browser.pass();
}

describe("subscriptions", () => {
  it("asks once for a feed that two widgets want, and gives it up with the last", async () => {
    await open();
    const end = [client.subscribe(FEED, new Recorder()), client.subscribe(FEED, new Recorder())];
    client.subscribe("quote:AAA", new Recorder());
    await browser.pass();
    expect(browser.socket.sent).toEqual([{ type: "subscribe", feeds: [FEED, "quote:AAA"] }]);
    end[0]?.();
    await browser.pass();
    expect(browser.socket.feeds("unsubscribe")).toEqual([]);
    end[1]?.();
    end[1]?.();
    await browser.pass();
    expect(browser.socket.feeds("unsubscribe")).toEqual([FEED]);
  });

  it("splits long lists at the server's limit", async () => {
    for (let index = 0; index < 450; index += 1) client.subscribe(`quote:S${index}`, new Recorder());
    await open();
    expect(browser.socket.sent.map(({ feeds }) => feeds?.length)).toEqual([200, 200, 50]);
    browser.socket.deliver({
      type: "welcome",
      server: "1",
      user: "demo",
      limits: { feeds_per_message: 300 },
    });
    browser.socket.lose(1006);
    client.retryNow();
    await browser.pass();
    browser.socket.accept();
    expect(browser.socket.sent.map(({ feeds }) => feeds?.length)).toEqual([300, 150]);
  });

  it("asks anew for a feed that it gave up and wants again in the same moment", async () => {
    await open();
    const end = client.subscribe(FEED, new Recorder());
    await browser.pass();
    browser.socket.deliver(snapshot());
    end();
    client.subscribe(FEED, new Recorder());
    await browser.pass();
    expect(browser.socket.wishes()).toEqual([FEED, FEED]);
  });

  it("gives a late listener all that is held, and the others nothing", async () => {
    await open();
    const early = new Recorder();
    const late = new Recorder();
    client.subscribe(FEED, early);
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    client.subscribe(FEED, late);
    browser.drawFrame();
    expect([early.updates.length, late.updates.length]).toEqual([1, 1]);
    expect(late.updates[0]?.reset).toBe(true);
    expect(late.rows).toEqual([A]);
  });

  it("follows a list, whatever its steps are called", async () => {
    await open();
    for (const type of ["alert", "append"] as const) {
      const feed = `list of ${type}`;
      const recorder = new Recorder();
      client.subscribe(feed, recorder);
      browser.socket.deliver(snapshot({ feed, limit: 2 }));
      browser.socket.deliver({ ...alert(2, [["BBB", 2, 20]]), feed, type });
      browser.socket.deliver({ ...alert(3, [["AAA", 1, 11]]), feed, type });
      browser.drawFrame();
      expect(recorder.events).toEqual([
        ["BBB", 2, 20],
        ["AAA", 1, 11],
      ]);
    }
  });

  it("ignores frames that were under way when it unsubscribed", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder)();
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    expect(recorder.updates).toEqual([]);
  });

  it("hands the server's refusal to the widgets of that feed only, also to one that comes later", async () => {
    await open();
    const refused = new Recorder();
    const other = new Recorder();
    client.subscribe("scanners:nope", refused);
    client.subscribe(FEED, other);
    browser.socket.deliver({
      type: "error",
      code: "unknown_feed",
      feed: "scanners:nope",
      message: "no such feed",
    });
    const late = new Recorder();
    client.subscribe("scanners:nope", late);
    expect([refused.errors, other.errors, late.errors]).toEqual([["no such feed"], [], ["no such feed"]]);
  });
});

describe("the choice of columns and rate", () => {
  it("is what all widgets of the feed need together, and follows them", async () => {
    await open();
    client.subscribe(FEED, new Recorder(), { columns: ["close"], hz: 0.5 });
    await browser.pass();
    const end = client.subscribe(FEED, new Recorder(), { columns: ["volume", "close"], hz: 1 });
    await browser.pass();
    client.subscribe(FEED, new Recorder());
    await browser.pass();
    end();
    await browser.pass();
    expect(browser.socket.wishes()).toEqual([
      { feed: FEED, columns: ["close"], hz: 0.5 },
      { feed: FEED, columns: ["close", "volume"], hz: 1 },
      FEED,
    ]);
  });

  it("is the usual one if the server refuses it, and tried again on the next connection", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder, { hz: 1 });
    await browser.pass();
    const refusal = { type: "error", feed: FEED, message: "64 choices" };
    browser.socket.deliver({ ...refusal, code: "too_many_choices" });
    await browser.pass();
    expect(browser.socket.wishes()).toEqual([{ feed: FEED, hz: 1 }, FEED]);
    expect(recorder.errors).toEqual([]);
    browser.socket.deliver({ ...refusal, code: "bad_choice" });
    expect(recorder.errors).toEqual(["64 choices"]);
    browser.socket.lose(1006);
    client.retryNow();
    await browser.pass();
    browser.socket.accept();
    expect(browser.socket.wishes()).toEqual([{ feed: FEED, hz: 1 }]);
  });

  it("is the slowest rate a while after the page was hidden, and at once the widgets' when it is shown", async () => {
    await open();
    client.subscribe(FEED, new Recorder());
    client.subscribe("halts", new Recorder(), { columns: ["kind"] });
    await browser.pass();
    browser.socket.deliver(snapshot());
    client.setHidden(true);
    await browser.pass(9_000);
    client.setHidden(false);
    client.setHidden(true);
    await browser.pass(9_000);
    expect(browser.socket.wishes()).toHaveLength(2);
    await browser.pass(1_001);
    client.setHidden(false);
    await browser.pass();
    expect(browser.socket.wishes().slice(2)).toEqual([
      { feed: FEED, hz: 0.2, epoch: "e1", seq: 1 },
      { feed: "halts", columns: ["kind"], hz: 0.2 },
      { feed: FEED, epoch: "e1", seq: 1 },
      { feed: "halts", columns: ["kind"] },
    ]);
  });
});

describe("delivery", () => {
  it("folds all frames between two animation frames into one update", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    for (let seq = 2; seq < 100; seq += 1) browser.socket.deliver(delta(seq, { cells: [[0, 2, seq]] }));
    browser.drawFrame();
    expect(recorder.updates).toHaveLength(2);
    expect(recorder.rows).toEqual([["AAA", 1, 99]]);
  });

  it("asks for a resync after a gap, once, and shows the old rows until the snapshot comes", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    for (const seq of [3, 4, 5]) browser.socket.deliver(delta(seq, { cells: [[0, 1, seq]] }));
    browser.drawFrame();
    expect(browser.socket.feeds("resync")).toEqual([FEED]);
    expect(recorder.rows).toEqual([A]);
    browser.socket.deliver(snapshot({ seq: 5, rows: [["BBB", 1, 1]] }));
    browser.socket.deliver(
      step(
        6,
        [["BBB", 1, 1]],
        [
          ["BBB", 1, 1],
          ["CCC", 2, 1],
        ],
      ),
    );
    browser.drawFrame();
    expect(recorder.rows).toEqual([
      ["BBB", 1, 1],
      ["CCC", 2, 1],
    ]);
  });

  it("asks again when a resync stays unanswered", async () => {
    await open();
    client.subscribe(FEED, new Recorder());
    browser.socket.deliver(snapshot());
    browser.socket.deliver(delta(3));
    await browser.pass(3_001);
    browser.socket.deliver(delta(4));
    expect(browser.socket.feeds("resync")).toEqual([FEED, FEED]);
  });

  it("loses nothing but the frame itself to one that is not a message", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    browser.socket.deliver("{");
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    expect(recorder.updates).toHaveLength(1);
    expect(warn).toHaveBeenCalledOnce();
  });
});

describe("freshness", () => {
  it("is the youngest of all feeds and the status, and grows by itself", async () => {
    await open();
    expect(client.ageMs).toBeNull();
    client.subscribe(FEED, new Recorder());
    browser.socket.deliver({ type: "status", state: "live", age_ms: 400, detail: "" });
    browser.socket.deliver(snapshot({ age_ms: 100 }));
    expect(client.ageMs).toBe(100);
    await browser.pass(700);
    expect(client.ageMs).toBe(800);
    expect(client.marketTimeMs).toBe(1_795_000_000_000);
  });
});
