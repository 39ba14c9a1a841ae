import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FeedClient } from "../../src/socket/feed-client";
import type { Row } from "../../src/socket/messages";
import { FEED } from "./builders";
import { FakeBrowser } from "./fake-browser";
import { Recorder } from "./recorder";
import { ServerModel } from "./server-model";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const value = fc.option(fc.nat(3));
const rows = fc.uniqueArray(fc.tuple(fc.constantFrom("A", "B", "C", "D", "E"), value, value), {
  selector: ([symbol]) => symbol,
});
const action = fc.oneof(
  fc.record({
    kind: fc.constant("tick" as const),
    rows,
    jump: fc.integer({ min: 1, max: 3 }),
    lose: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("tick" as const), rows, jump: fc.constant(1), lose: fc.constant(false) }),
  fc.record({ kind: fc.constant("deliver" as const), count: fc.nat(4) }),
  fc.record({ kind: fc.constant("restart" as const), rows }),
  fc.record({ kind: fc.constant("lose" as const), code: fc.constantFrom(1001, 1006, 1012, 4408) }),
  fc.record({ kind: fc.constantFrom("answer" as const, "reconnect" as const, "forget" as const) }),
  fc.record({ kind: fc.constantFrom("hide" as const, "show" as const, "wait" as const) }),
);

class Run {
  readonly browser = new FakeBrowser();
  readonly client = new FeedClient(this.browser);
  readonly widget = new Recorder();
  readonly server = new ServerModel([["A", 1, 1]]);

  async start(): Promise<void> {
    this.client.subscribe(FEED, this.widget);
    this.client.start();
    await this.browser.pass();
    this.server.connect(this.browser.socket);
    await this.browser.pass();
  }

  async do(step: typeof action extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    const { server, browser, client } = this;
    if (step.kind === "tick") server.become(step.rows, step.jump, step.lose);
    else if (step.kind === "deliver") server.deliver(step.count);
    else if (step.kind === "restart") server.restart(step.rows);
    else if (step.kind === "forget") server.forget();
    else if (step.kind === "answer") server.answer();
    else if (step.kind === "hide" || step.kind === "show") client.setHidden(step.kind === "hide");
    else if (step.kind === "wait") await browser.pass(4_000);
    else if (step.kind === "lose" && client.facts.phase === "open") browser.socket.lose(step.code);
    else if (step.kind === "reconnect") await this.reconnect();
    browser.drawFrame();
    await browser.pass();
  }

  async reconnect(): Promise<void> {
    this.client.retryNow();
    await this.browser.pass();
    if (this.client.facts.phase === "connecting") this.server.connect(this.browser.socket);
    await this.browser.pass();
  }

  /** The line is good again, and the market moves a few times more. */
  async settle(last: readonly Row[]): Promise<void> {
    await this.reconnect();
    for (let round = 0; round < 4; round += 1) {
      this.server.become(last, 1, false);
      this.server.answer();
      this.server.deliver(1_000);
      await this.browser.pass(4_000); // A resync that was not answered is sent again after a while.
    }
    this.server.answer();
    this.server.deliver(1_000);
    this.browser.drawFrame();
  }
}

describe("for any sequence of ticks, losses, resumes, reconnections and restarts", () => {
  it("the client's state is the server's", async () => {
    const property = fc.asyncProperty(fc.array(action, { maxLength: 30 }), rows, async (steps, last) => {
      const run = new Run();
      await run.start();
      for (const step of steps) await run.do(step);
      await run.settle(last);
      expect(run.server.idle).toBe(true);
      expect(run.widget.rows).toEqual(last);
    });
    await fc.assert(property);
  });
});
