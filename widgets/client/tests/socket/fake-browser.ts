/** What the feed client needs from a browser, under the test's control: sockets, page tokens, clock, chance, frames. */
import { vi } from "vitest";
import type { Socket } from "../../src/socket/connection";
import type { FeedClientEnvironment } from "../../src/socket/feed-client";
import type { Wish } from "../../src/socket/messages";
import type { PageToken, Renewal } from "../../src/socket/page-token";

/** Where a page's configuration says that its socket is, and how it logs in there. */
export const SOCKET = {
  socketUrl: "/ws/",
  pageToken: "mdp.token.first",
  pageTokenUrl: "/accounts/socket-token/",
};

export class FakeSocket implements Socket {
  readyState: Socket["readyState"] = 0;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly sent: { type: string; feeds?: (string | Wish)[]; id?: number }[] = [];

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  /** Like a browser's socket on a dead connection: it asks for a close and gets no answer. */
  close(): void {
    this.readyState = 2;
  }

  accept(): void {
    this.readyState = 1;
    this.#call(this.onopen, new Event("open"));
  }

  deliver(message: unknown): void {
    const data = typeof message === "string" ? message : JSON.stringify(message);
    this.#call(this.onmessage, new MessageEvent("message", { data }));
  }

  lose(code: number, reason = ""): void {
    this.readyState = 3;
    this.#call(this.onclose, Object.assign(new Event("close"), { code, reason }) as CloseEvent);
  }

  /** Feeds that were named in messages of `type`, in order. */
  feeds(type: string): string[] {
    return this.wishes(type).map((wish) => (typeof wish === "string" ? wish : wish.feed));
  }

  /** The entries of messages of `type`, in order. */
  wishes(type = "subscribe"): (string | Wish)[] {
    return this.sent.filter((message) => message.type === type).flatMap((message) => message.feeds ?? []);
  }

  #call<E extends Event>(handler: ((this: WebSocket, event: E) => unknown) | null, event: E): void {
    handler?.call(this as unknown as WebSocket, event);
  }
}

export class FakeBrowser implements FeedClientEnvironment {
  readonly sockets: FakeSocket[] = [];
  readonly #frames: (() => void)[] = [];
  /** The tokens with which sockets were opened, in order. */
  readonly tokens: PageToken[] = [];
  /** What the site says instead of giving the next token. */
  instead: Exclude<Renewal, { token: PageToken }> | "a token" = "a token";
  #tokensGiven = 0;

  openSocket(token: PageToken): Socket {
    this.tokens.push(token);
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }

  /** Time passes only by vitest's fake timers. */
  now(): number {
    return performance.now();
  }

  random(): number {
    return 0.5;
  }

  requestFrame(callback: () => void): void {
    this.#frames.push(callback);
  }

  async nextToken(): Promise<Renewal> {
    if (this.instead !== "a token") return this.instead;
    this.#tokensGiven += 1;
    return { token: `mdp.token.${this.#tokensGiven}` };
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  /** Runs what waits for the next animation frame. */
  drawFrame(): void {
    for (const callback of this.#frames.splice(0)) callback();
  }

  /** Lets queued microtasks and timers due within `milliseconds` run. */
  async pass(milliseconds = 0): Promise<void> {
    await vi.advanceTimersByTimeAsync(milliseconds);
  }
}
