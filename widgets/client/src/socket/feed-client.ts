/**
 * One socket for all widgets of a page.
 *
 * Widgets subscribe to feeds; subscriptions to the same feed share its state, and the server hears of the first
 * and the last only. What arrives between two animation frames is folded into one update per feed. A lost
 * connection comes back by itself, and what was on screen stays there until a snapshot replaces it.
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
  /** Called at most once per animation frame, with everything that changed since the last call. */
  onUpdate(view: FeedView, update: FeedUpdate): void;
  /** The server refused the feed; `message` is its explanation. */
  onError(message: string): void;
}

export interface FeedClientEnvironment extends ConnectionEnvironment {
  requestFrame(callback: () => void): void;
}

interface Subscription {
  readonly state: FeedState;
  /** `fresh` until the listener has had its first update, which carries all that is held. */
  readonly listeners: Map<FeedListener, { fresh: boolean }>;
  error: string | null;
  resyncSentAtMs: number;
}

/** A resync that is not answered is asked for again, but no more often than this. */
const RESYNC_EVERY_MS = 3_000;
const EVERYTHING: FeedUpdate = { reset: true, changed: new Set(), removed: new Set() };

export class FeedClient {
  readonly #environment: FeedClientEnvironment;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #connectionListeners = new Set<() => void>();
  /** The feeds that the server was told of on this connection. */
  readonly #announced = new Set<string>();
  #frameRequested = false;
  #announceQueued = false;

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

  /** Connects. To be called once. */
  start(): void {
    this.#connection.connect();
  }

  /** Connects at once when an attempt is waiting for its time. */
  retryNow(): void {
    this.#connection.retryNow();
  }

  /**
   * Delivers `feed` to `listener` until the returned function is called.
   *
   * What is already held comes with the next frame.
   */
  subscribe(feed: string, listener: FeedListener): () => void {
    const subscription = this.#subscriptions.get(feed) ?? this.#add(feed);
    subscription.listeners.set(listener, { fresh: true });
    if (subscription.error !== null) listener.onError(subscription.error);
    if (subscription.state.loaded) this.#requestFrame();
    return () => this.#unsubscribe(feed, listener);
  }

  /** Calls `listener` whenever `facts` may say something else; the returned function ends that. */
  onConnectionChange(listener: () => void): () => void {
    this.#connectionListeners.add(listener);
    return () => this.#connectionListeners.delete(listener);
  }

  get facts(): ConnectionFacts {
    return this.#connection.facts;
  }

  /** Age of the newest data of all feeds, in milliseconds now; `null` before the first. */
  get ageMs(): number | null {
    const now = this.#environment.now();
    const ages = [...this.#subscriptions.values()].map(({ state }) => state.ageMs(now));
    const known = [...ages, this.#connection.statusAgeMs].filter((age) => age !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  /** The newest market time that any feed carried, epoch milliseconds; `null` before the first. */
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
    this.#queueAnnouncement();
    return subscription;
  }

  #unsubscribe(feed: string, listener: FeedListener): void {
    const subscription = this.#subscriptions.get(feed);
    if (!subscription?.listeners.delete(listener) || subscription.listeners.size > 0) return;
    this.#subscriptions.delete(feed);
    this.#queueAnnouncement();
  }

  /** One message for all that subscribe in the same turn of the event loop. */
  #queueAnnouncement(): void {
    if (this.#announceQueued) return;
    this.#announceQueued = true;
    queueMicrotask(() => {
      this.#announceQueued = false;
      this.#announce();
    });
  }

  /** Tells the server the difference between what it was told and what is wanted. */
  #announce(): void {
    if (!this.#connection.isOpen) return;
    const gone = [...this.#announced].filter((feed) => !this.#subscriptions.has(feed));
    const added = [...this.#subscriptions.keys()].filter((feed) => !this.#announced.has(feed));
    for (const feed of gone) this.#announced.delete(feed);
    for (const feed of added) this.#announced.add(feed);
    this.#sendFeeds("unsubscribe", gone);
    this.#sendFeeds("subscribe", added);
  }

  #sendFeeds(type: "subscribe" | "unsubscribe" | "resync", feeds: readonly string[]): void {
    for (let start = 0; start < feeds.length; start += MAX_FEEDS_IN_MESSAGE) {
      this.#connection.send({ type, feeds: feeds.slice(start, start + MAX_FEEDS_IN_MESSAGE) });
    }
  }

  #opened(): void {
    this.#announced.clear();
    for (const subscription of this.#subscriptions.values()) {
      subscription.state.expectSnapshot();
      subscription.resyncSentAtMs = Number.NEGATIVE_INFINITY;
    }
    this.#announce();
  }

  #received(message: ServerMessage): void {
    if (message.type === "error") this.#refused(message);
    else if (isFeedMessage(message)) this.#applyFrame(message);
  }

  #applyFrame(message: FeedMessage): void {
    const subscription = this.#subscriptions.get(message.feed);
    if (subscription === undefined) return; // Sent before the server heard of the unsubscription.
    const now = this.#environment.now();
    if (!subscription.state.apply(message, now)) {
      this.#resync(message.feed, subscription, now);
      return;
    }
    // What follows was not refused, and needs no resync that was asked for.
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
