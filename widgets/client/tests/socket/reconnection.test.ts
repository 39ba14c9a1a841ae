import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FeedClient } from "../../src/socket/feed-client";
import { NO_RIGHT, SESSION_ENDED } from "../../src/socket/reconnect";
import { delta, FEED, resumed, snapshot } from "./builders";
import { FakeBrowser } from "./fake-browser";
import { Recorder } from "./recorder";

let browser: FakeBrowser;
let client: FeedClient;

beforeEach(() => {
  vi.useFakeTimers();
  browser = new FakeBrowser();
  client = new FeedClient(browser);
});

afterEach(() => {
  vi.useRealTimers();
});

async function open(): Promise<void> {
  client.start();
  await browser.pass();
  browser.socket.accept();
  await browser.pass();
}

describe("a lost connection", () => {
  async function comeBack(code = 1006): Promise<void> {
    browser.socket.lose(code);
    client.retryNow();
    await browser.pass();
    browser.socket.accept();
    await browser.pass();
  }

  it("comes back and resumes: the old rows stay, and the missed frames follow them", async () => {
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    await open();
    browser.socket.deliver(snapshot());
    browser.socket.deliver(delta(7, { prev: 1, cells: [[0, 1, 2]] }));
    browser.drawFrame();
    await comeBack();
    expect(browser.socket.wishes()).toEqual([{ feed: FEED, epoch: "e1", seq: 7 }]);
    browser.drawFrame();
    expect(recorder.rows).toEqual([["AAA", 2, 10]]);
    browser.socket.deliver(delta(9, { prev: 7, cells: [[0, 2, 11]] }));
    browser.socket.deliver(resumed(9, { age_ms: 40 }));
    browser.drawFrame();
    expect(recorder.rows).toEqual([["AAA", 2, 11]]);
    expect(client.ageMs).toBe(40);
    expect(browser.socket.feeds("resync")).toEqual([]);
  });

  it("comes back and takes the new snapshot whatever its epoch", async () => {
    const recorder = new Recorder();
    client.subscribe(FEED, recorder);
    await open();
    browser.socket.deliver(snapshot());
    await comeBack();
    browser.socket.deliver(snapshot({ epoch: "e2", rows: [["NEW", 1, 1]] }));
    browser.drawFrame();
    expect(recorder.rows).toEqual([["NEW", 1, 1]]);
  });

  it("asks for a snapshot of a feed that has none yet, or of which it missed frames", async () => {
    client.subscribe(FEED, new Recorder());
    client.subscribe("halts", new Recorder());
    await open();
    browser.socket.deliver(snapshot());
    browser.socket.deliver(delta(3));
    await comeBack();
    expect(browser.socket.wishes()).toEqual([FEED, "halts"]);
  });

  it("asks for a resync if the server resumes elsewhere", async () => {
    client.subscribe(FEED, new Recorder());
    await open();
    browser.socket.deliver(snapshot());
    await comeBack();
    browser.socket.deliver(resumed(5));
    expect(browser.socket.feeds("resync")).toEqual([FEED]);
  });

  it.each([
    [1006, 2_625],
    [1011, 2_625],
    [1001, 10_250],
    [1012, 10_250],
    [1013, 10_250],
  ])("after code %i is tried again in the middle of the range, by an even chance", async (code, waitMs) => {
    await open();
    browser.socket.lose(code);
    expect((client.facts.retryAtMs ?? 0) - performance.now()).toBe(waitMs);
    await browser.pass(waitMs - 1);
    expect(browser.sockets).toHaveLength(1);
    await browser.pass(1);
    expect(browser.sockets).toHaveLength(2);
  });

  it("is spread over the ranges of the welcome", async () => {
    await open();
    const reconnect = { restart_ms: [100, 300], lost_ms: [10, 30], longest_ms: 1_000 };
    browser.socket.deliver({ type: "welcome", server: "1", user: "demo", reconnect });
    browser.socket.lose(1012);
    expect((client.facts.retryAtMs ?? 0) - performance.now()).toBe(200);
  });

  it("keeps the wide range of a restart while the handshakes fail", async () => {
    await open();
    browser.socket.lose(1012);
    client.retryNow();
    await browser.pass();
    browser.socket.lose(1006);
    expect((client.facts.retryAtMs ?? 0) - performance.now()).toBe(15_500);
  });

  it("waits longer after each failure, also when the server accepts and closes at once", async () => {
    client.start();
    await browser.pass();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      browser.socket.accept();
      browser.socket.lose(1006);
      waits.push((client.facts.retryAtMs ?? 0) - performance.now());
      client.retryNow();
      await browser.pass();
    }
    expect(waits.map(Math.round)).toEqual([2_625, 5_250, 10_500, 16_000]);
  });

  it("starts from the shortest wait after a connection that lasted", async () => {
    client.start();
    await browser.pass();
    for (const code of [1006, 1006, 1006]) {
      browser.socket.lose(code);
      client.retryNow();
      await browser.pass();
    }
    browser.socket.accept();
    await browser.pass(10_000);
    browser.socket.lose(1006);
    expect((client.facts.retryAtMs ?? 0) - performance.now()).toBe(2_625);
  });

  it("comes back to a newer server, and knows that the page is older", async () => {
    await open();
    const welcome = (server: string) => browser.socket.deliver({ type: "welcome", server, user: "demo" });
    welcome("1.0");
    await comeBack();
    welcome("1.0");
    expect(client.facts.outdated).toBe(false);
    await comeBack(1012);
    welcome("1.1");
    expect(client.facts.outdated).toBe(true);
  });

  it.each([
    [4401, "log in again: the login session or the token ended", "log in again"],
    [4401, "", "log in again"],
    [4403, "stop: the user may no longer see market data", "stop"],
    [4429, "stop: too many connections of this user", "stop"],
    [4999, "stop: a reason that this page does not know", "stop"],
  ])("stays closed after code %i and '%s'", async (code, reason, action) => {
    await open();
    browser.socket.lose(code, reason);
    await browser.pass(120_000);
    expect(browser.sockets).toHaveLength(1);
    expect(client.facts).toMatchObject({ phase: "stopped", ending: { code, action } });
  });

  it("has a new page token for each connection", async () => {
    await open();
    await comeBack();
    await comeBack(1012);
    expect(browser.tokens).toEqual(["mdp.token.1", "mdp.token.2", "mdp.token.3"]);
  });

  it.each([
    ["the session is over", SESSION_ENDED],
    ["the user may no longer see market data", NO_RIGHT],
  ])("stops after a refused handshake when there is no further token because %s", async (_reason, ending) => {
    client.start();
    await browser.pass();
    browser.instead = { ending };
    browser.socket.lose(1006);
    await browser.pass(120_000);
    expect(browser.sockets).toHaveLength(1);
    expect(client.facts).toMatchObject({ phase: "stopped", ending });
  });

  it("waits longer after each attempt at which nobody gives a token, and opens no socket without one", async () => {
    await open();
    browser.instead = null;
    browser.socket.lose(1006);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      waits.push((client.facts.retryAtMs ?? 0) - performance.now());
      client.retryNow();
      await browser.pass();
    }
    expect(waits.map(Math.round)).toEqual([2_625, 5_250, 10_500]);
    expect(browser.sockets).toHaveLength(1);
    browser.instead = "a token";
    client.retryNow();
    await browser.pass();
    expect(browser.sockets).toHaveLength(2);
  });

  it("asks for one token at a time, however often the network comes back", async () => {
    await open();
    browser.socket.lose(1006);
    for (let time = 0; time < 3; time += 1) client.retryNow();
    await browser.pass();
    expect(browser.tokens).toEqual(["mdp.token.1", "mdp.token.2"]);
  });

  it("keeps trying when the handshake fails for another reason", async () => {
    client.start();
    await browser.pass();
    browser.socket.lose(1006);
    await browser.pass(2_625);
    expect(browser.sockets).toHaveLength(2);
  });

  it("tries at once when the network is back", async () => {
    client.start();
    await browser.pass();
    browser.socket.lose(1006);
    client.retryNow();
    await browser.pass();
    expect(browser.sockets).toHaveLength(2);
    await browser.pass(2_625);
    expect(browser.sockets).toHaveLength(2);
  });

  it("is noticed by silence, though nobody closed it, and its late close event changes nothing", async () => {
    await open();
    const dead = browser.socket;
    await browser.pass(30_000);
    expect(dead.readyState).toBe(2);
    await browser.pass(2_625);
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
