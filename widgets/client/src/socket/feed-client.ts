/**
 * One socket for all widgets of a page.
 *
 * Widgets subscribe to feeds. All subscriptions to a feed share its state, and the client subscribes to it on the
 * server once. Frames that arrive between two animation frames are merged into one update per feed. After a lost
 * connection the client reconnects. The old data stays on the screen until a snapshot replaces it.
 */
import { Connection, type ConnectionEnvironment } from "./connection";
import type { ConnectionFacts } from "./connection-report";
import { FeedState, type FeedUpdate, type FeedView } from "./feed-state";
import {
  type ErrorMessage,
  type FeedMessage,
  isFeedMessage,
  MAX_FEEDS_IN_MESSAGE,
  type ServerMessage,
} from "./messages";

export interface FeedListener {
  /** Called at most once per animation frame, with all changes since the last call. */
  onUpdate(view: FeedView, update: FeedUpdate): void;
  /** The server refused the feed; `message` is its explanation. */
  onError(message: string): void;
}

export interface FeedClientEnvironment extends ConnectionEnvironment {
  requestFrame(callback: () => void): void;
}

interface Subscription {
  readonly state: FeedState;
  /** `fresh` until the listener got its first update, which contains the whole state. */
  readonly listeners: Map<FeedListener, { fresh: boolean }>;
  error: string | null;
  resyncSentAtMs: number;
}

/** The minimum time between two resync requests for a feed. */
const RESYNC_EVERY_MS = 3_000;
const EVERYTHING: FeedUpdate = { reset: true, changed: new Set(), removed: new Set() };

export class FeedClient {
  readonly #environment: FeedClientEnvironment;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #connectionListeners = new Set<() => void>();
  /** The feeds that this connection is subscribed to on the server. */
  readonly #requested = new Set<string>();
  #frameRequested = false;
  #requestQueued = false;

  constructor(environment: FeedClientEnvironment) {
    this.#environment = environment;
    this.#connection = new Connection(environment, {
      opened: () => this.#opened(),
      received: (message) => this.#received(message),
      changed: () => {
        for (const listener of this.#connectionListeners) listener();
      },
    });
  }

  /** Connects. Call it once. */
  start(): void {
    this.#connection.connect();
  }

  /** Connects now instead of waiting for the next attempt. */
  retryNow(): void {
    this.#connection.retryNow();
  }

  /**
   * Delivers `feed` to `listener` until the returned function is called.
   *
   * If the state of the feed is already known, it is delivered in the next animation frame.
   */
  subscribe(feed: string, listener: FeedListener): () => void {
    const subscription = this.#subscriptions.get(feed) ?? this.#add(feed);
    subscription.listeners.set(listener, { fresh: true });
    if (subscription.error !== null) listener.onError(subscription.error);
    if (subscription.state.loaded) this.#requestFrame();
    return () => this.#unsubscribe(feed, listener);
  }

  /** Calls `listener` whenever `facts` may have changed, until the returned function is called. */
  onConnectionChange(listener: () => void): () => void {
    this.#connectionListeners.add(listener);
    return () => this.#connectionListeners.delete(listener);
  }

  get facts(): ConnectionFacts {
    return this.#connection.facts;
  }

  /** The age of the newest data of all feeds now, in milliseconds; `null` before the first data. */
  get ageMs(): number | null {
    const now = this.#environment.now();
    const ages = [...this.#subscriptions.values()].map(({ state }) => state.ageMs(now));
    const known = [...ages, this.#connection.statusAgeMs].filter((age) => age !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  /** The newest market time of all feeds, in epoch milliseconds; `null` before the first data. */
  get marketTimeMs(): number | null {
    const times = [...this.#subscriptions.values()].map(({ state }) => state.marketTimeMs ?? 0);
    return Math.max(0, ...times) || null;
  }

  #add(feed: string): Subscription {
    const subscription: Subscription = {
      state: new FeedState(),
      listeners: new Map(),
      error: null,
      resyncSentAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#subscriptions.set(feed, subscription);
    this.#queueRequests();
    return subscription;
  }

  #unsubscribe(feed: string, listener: FeedListener): void {
    const subscription = this.#subscriptions.get(feed);
    if (!subscription?.listeners.delete(listener) || subscription.listeners.size > 0) return;
    this.#subscriptions.delete(feed);
    this.#queueRequests();
  }

  /** Sends the requests after the current task, so that all changes of the task become one message. */
  #queueRequests(): void {
    if (this.#requestQueued) return;
    this.#requestQueued = true;
    queueMicrotask(() => {
      this.#requestQueued = false;
      this.#sendRequests();
    });
  }

  /** Subscribes and unsubscribes on the server, so that its subscriptions match those of the widgets. */
  #sendRequests(): void {
    if (!this.#connection.isOpen) return;
    const gone = [...this.#requested].filter((feed) => !this.#subscriptions.has(feed));
    const added = [...this.#subscriptions.keys()].filter((feed) => !this.#requested.has(feed));
    for (const feed of gone) this.#requested.delete(feed);
    for (const feed of added) this.#requested.add(feed);
    this.#sendFeeds("unsubscribe", gone);
    this.#sendFeeds("subscribe", added);
  }

  #sendFeeds(type: "subscribe" | "unsubscribe" | "resync", feeds: readonly string[]): void {
    for (let start = 0; start < feeds.length; start += MAX_FEEDS_IN_MESSAGE) {
      this.#connection.send({ type, feeds: feeds.slice(start, start + MAX_FEEDS_IN_MESSAGE) });
    }
  }

  #opened(): void {
    this.#requested.clear();
    for (const subscription of this.#subscriptions.values()) {
      subscription.state.expectSnapshot();
      subscription.resyncSentAtMs = Number.NEGATIVE_INFINITY;
    }
    this.#sendRequests();
  }

  #received(message: ServerMessage): void {
    if (message.type === "error") this.#refused(message);
    else if (isFeedMessage(message)) this.#applyFrame(message);
  }

  #applyFrame(message: FeedMessage): void {
    const subscription = this.#subscriptions.get(message.feed);
    if (subscription === undefined) return; // The server sent it before it received the unsubscription.
    const now = this.#environment.now();
    if (!subscription.state.apply(message, now)) {
      this.#resync(message.feed, subscription, now);
      return;
    }
    // A frame that follows means that the feed is not refused, and that no resync is pending.
    subscription.error = null;
    subscription.resyncSentAtMs = Number.NEGATIVE_INFINITY;
    this.#requestFrame();
  }

  #resync(feed: string, subscription: Subscription, now: number): void {
    if (now - subscription.resyncSentAtMs < RESYNC_EVERY_MS) return;
    subscription.resyncSentAtMs = now;
    this.#sendFeeds("resync", [feed]);
  }

  #refused(message: ErrorMessage): void {
    const subscription = message.feed === null ? undefined : this.#subscriptions.get(message.feed);
    if (subscription === undefined) {
      console.warn(`The server reports ${message.code}: ${message.message}`);
      return;
    }
    subscription.error = message.message;
    for (const listener of subscription.listeners.keys()) listener.onError(message.message);
  }

  #requestFrame(): void {
    if (this.#frameRequested) return;
    this.#frameRequested = true;
    this.#environment.requestFrame(() => {
      this.#frameRequested = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (const { state, listeners } of this.#subscriptions.values()) {
      if (!state.loaded) continue;
      const update = state.dirty ? state.takeUpdate() : null;
      for (const [listener, mark] of listeners) {
        if (mark.fresh) listener.onUpdate(state, EVERYTHING);
        else if (update !== null) listener.onUpdate(state, update);
        mark.fresh = false;
      }
    }
  }
}
