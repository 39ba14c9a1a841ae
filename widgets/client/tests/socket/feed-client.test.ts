import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FeedClient, type FeedListener } from "../../src/socket/feed-client";
import type { FeedUpdate, FeedView } from "../../src/socket/feed-state";
import { alert, delta, FEED, snapshot } from "./builders";
import { FakeBrowser } from "./fake-browser";

class Recorder implements FeedListener {
  readonly updates: FeedUpdate[] = [];
  readonly errors: string[] = [];
  rows: unknown[] = [];
  events: readonly unknown[] = [];

  onUpdate(view: FeedView, update: FeedUpdate): void {
    this.updates.push(update);
    this.rows = [...view.rows.values()];
    this.events = view.events;
  }

  onError(message: string): void {
    this.errors.push(message);
  }
}

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
    expect(late.rows).toEqual([["AAA", 1, 10]]);
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

describe("delivery", () => {
  it("folds all frames between two animation frames into one update", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    for (let seq = 2; seq < 100; seq += 1) browser.socket.deliver(delta(seq, [["BBB", 2, seq]]));
    browser.drawFrame();
    expect(recorder.updates).toHaveLength(2);
    expect(recorder.rows).toContainEqual(["BBB", 2, 99]);
  });

  it("asks for a resync after a gap, once, and shows the old rows until the snapshot comes", async () => {
    await open();
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    for (const seq of [3, 4, 5]) browser.socket.deliver(delta(seq, [["BBB", 1, 1]]));
    browser.drawFrame();
    expect(browser.socket.feeds("resync")).toEqual([FEED]);
    expect(recorder.rows).toEqual([["AAA", 1, 10]]);
    browser.socket.deliver(snapshot({ seq: 5, rows: [["BBB", 1, 1]] }));
    browser.socket.deliver(delta(6, [["CCC", 2, 1]]));
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

describe("a lost connection", () => {
  it("comes back, subscribes anew, and takes the new snapshot whatever its epoch", async () => {
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    await open();
    browser.socket.deliver(snapshot());
    browser.drawFrame();
    browser.socket.lose(1012);
    expect(client.facts.phase).toBe("waiting");
    await browser.pass(500);
    expect(browser.sockets).toHaveLength(2);
    browser.socket.accept();
    expect(browser.socket.feeds("subscribe")).toEqual([FEED]);
    browser.socket.deliver(snapshot({ epoch: "e2", rows: [["NEW", 1, 1]] }));
    browser.drawFrame();
    expect(recorder.rows).toEqual([["NEW", 1, 1]]);
  });

  it("waits longer after each failure, also when the server accepts and closes at once", async () => {
    client.start();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      browser.socket.accept();
      browser.socket.lose(1006);
      waits.push((client.facts.retryAtMs ?? 0) - performance.now());
      await browser.pass(20_000);
    }
    expect(waits.map(Math.round)).toEqual([375, 750, 1500, 3000, 6000]);
  });

  it("starts from the shortest wait after a connection that lasted", async () => {
    client.start();
    for (const code of [1006, 1006, 1006]) {
      browser.socket.lose(code);
      await browser.pass(20_000);
    }
    browser.socket.accept();
    await browser.pass(10_000);
    browser.socket.lose(1001);
    expect((client.facts.retryAtMs ?? 0) - performance.now()).toBe(375);
  });

  it.each([
    [4401, "logged_out"],
    [4409, "message_too_large"],
    [4429, "too_many_connections"],
  ])("stays closed after code %i", async (code, reason) => {
    await open();
    browser.socket.lose(code);
    await browser.pass(120_000);
    expect(browser.sockets).toHaveLength(1);
    expect(client.facts).toMatchObject({ phase: "stopped", stopReason: reason });
  });

  it("stops when the handshake is refused because the session is over", async () => {
    browser.sessionIsOver = true;
    client.start();
    browser.socket.lose(1006);
    await browser.pass(120_000);
    expect(browser.sockets).toHaveLength(1);
    expect(client.facts).toMatchObject({ phase: "stopped", stopReason: "logged_out" });
  });

  it("keeps trying when the handshake fails for another reason", async () => {
    client.start();
    browser.socket.lose(1006);
    await browser.pass(500);
    expect(browser.sockets).toHaveLength(2);
  });

  it("tries at once when the network is back", async () => {
    client.start();
    browser.socket.lose(1006);
    client.retryNow();
    expect(browser.sockets).toHaveLength(2);
    await browser.pass(375);
    expect(browser.sockets).toHaveLength(2);
  });

  it("is noticed by silence, though nobody closed it, and its late close event changes nothing", async () => {
    await open();
    const dead = browser.socket;
    await browser.pass(30_000);
    expect(dead.readyState).toBe(2);
    await browser.pass(375);
    expect(browser.sockets).toHaveLength(2);
    browser.socket.accept();
    dead.lose(1006);
    expect(client.facts.phase).toBe("open");
  });

  it("does not take a quiet market for a dead line: pongs count", async () => {
    await open();
    for (let round = 0; round < 6; round += 1) {
      await browser.pass(10_000);
      browser.socket.deliver({ type: "pong", id: round });
    }
    expect(browser.sockets).toHaveLength(1);
    expect(browser.socket.sent.filter(({ type }) => type === "ping").map(({ id }) => id)).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
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
