/**
 * One socket for all widgets of a page.
 *
 * Widgets subscribe to feeds. All subscriptions to a feed share its state, and the client subscribes to it on the
 * server once. Frames that arrive between two animation frames are merged into one update per feed. After a lost
 * connection the client reconnects and resumes: it subscribes with the position of each feed, and the server sends what
 * was missed, or a snapshot. The old data stays on the screen until then.
 */
import { Connection, type ConnectionEnvironment } from "./connection";
import type { ConnectionFacts } from "./connection-report";
import { commonChoice, slowed, USUAL } from "./feed-choice";
import { FeedState, type FeedUpdate, type FeedView } from "./feed-state";
import type { ClientMessage, ErrorMessage, FeedChoice, FeedMessage, ServerMessage, Wish } from "./messages";
import { isFeedMessage } from "./parser";

export interface FeedListener {
  /** Called at most once per animation frame, with all changes since the last call. */
  onUpdate(view: FeedView, update: FeedUpdate): void;
  /** The server refused the feed; `message` is its explanation. */
  onError(message: string): void;
}

export interface FeedClientEnvironment extends ConnectionEnvironment {
  requestFrame(callback: () => void): void;
}

/** The clock, the chance and the animation frames of the browser. */
export const BROWSER: Pick<FeedClientEnvironment, "now" | "random" | "requestFrame"> = {
  now: () => performance.now(),
  random: () => Math.random(),
  requestFrame: (callback) => requestAnimationFrame(callback),
};

/** `fresh` until the listener got its first update, which contains the whole state. */
interface Listening {
  readonly choice: FeedChoice;
  fresh: boolean;
}

interface Subscription {
  readonly state: FeedState;
  readonly listeners: Map<FeedListener, Listening>;
  error: string | null;
  /** The server refused the choice on this connection: only the usual one is asked for. */
  choiceRefused: boolean;
  resyncSentAtMs: number;
}

/** The minimum time between two resync requests for a feed. */
const RESYNC_EVERY_MS = 3_000;
/** A page that is hidden for a moment, while somebody looks for another tab, keeps its rates. */
const SLOW_DOWN_AFTER_MS = 10_000;
/** The server's refusals of columns or a rate. The feed itself may be available. */
const CHOICE_ERRORS: ReadonlySet<string> = new Set(["bad_choice", "too_many_choices"]);
const EVERYTHING: FeedUpdate = { reset: true, changed: new Set(), removed: new Set() };

export class FeedClient {
  readonly #environment: FeedClientEnvironment;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #connectionListeners = new Set<() => void>();
  /** The feeds that this connection is subscribed to on the server, with the choices as texts. */
  readonly #requested = new Map<string, string>();
  #frameRequested = false;
  #slow = false;
  #slowDownTimer: ReturnType<typeof setTimeout> | undefined;
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

  /** Slows all feeds down a while after the page was hidden, and ends that at once when it is shown. */
  setHidden(hidden: boolean): void {
    clearTimeout(this.#slowDownTimer);
    if (hidden) this.#slowDownTimer = setTimeout(() => this.#setSlow(true), SLOW_DOWN_AFTER_MS);
    else this.#setSlow(false);
  }

  /**
   * Delivers `feed` to `listener` until the returned function is called.
   *
   * If the state of the feed is already known, it is delivered in the next animation frame. `choice` is what the
   * listener needs. It may get more, for another listener or if the server refuses the choice.
   */
  subscribe(feed: string, listener: FeedListener, choice: FeedChoice = USUAL): () => void {
    const subscription = this.#subscriptions.get(feed) ?? this.#add(feed);
    subscription.listeners.set(listener, { choice, fresh: true });
    this.#queueRequests();
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
      choiceRefused: false,
      resyncSentAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#subscriptions.set(feed, subscription);
    this.#requested.delete(feed); // Its last subscriber may have left a moment ago: the new state needs a snapshot.
    return subscription;
  }

  #unsubscribe(feed: string, listener: FeedListener): void {
    const subscription = this.#subscriptions.get(feed);
    if (!subscription?.listeners.delete(listener)) return;
    if (subscription.listeners.size === 0) this.#subscriptions.delete(feed);
    this.#queueRequests();
  }

  #setSlow(slow: boolean): void {
    this.#slow = slow;
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
    const gone = [...this.#requested.keys()].filter((feed) => !this.#subscriptions.has(feed));
    for (const feed of gone) this.#requested.delete(feed);
    this.#sendInParts(gone, (feeds) => ({ type: "unsubscribe", feeds }));
    const wishes: (string | Wish)[] = [];
    for (const [feed, subscription] of this.#subscriptions) {
      const choice = this.#choiceOf(subscription);
      const choiceText = JSON.stringify([choice.columns, choice.hz]);
      if (this.#requested.get(feed) === choiceText) continue;
      this.#requested.set(feed, choiceText);
      const wish: Wish = { feed, ...choice, ...subscription.state.position };
      wishes.push(Object.keys(wish).length === 1 ? feed : wish);
    }
    this.#sendInParts(wishes, (feeds) => ({ type: "subscribe", feeds }));
  }

  #choiceOf({ listeners, choiceRefused }: Subscription): FeedChoice {
    if (choiceRefused) return USUAL;
    const choice = commonChoice([...listeners.values()].map((listening) => listening.choice));
    return this.#slow ? slowed(choice) : choice;
  }

  #sendInParts<T>(entries: readonly T[], message: (part: readonly T[]) => ClientMessage): void {
    const size = this.#connection.feedsPerMessage;
    for (let start = 0; start < entries.length; start += size) {
      this.#connection.send(message(entries.slice(start, start + size)));
    }
  }

  #opened(): void {
    this.#requested.clear();
    for (const subscription of this.#subscriptions.values()) {
      subscription.choiceRefused = false;
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
    this.#connection.send({ type: "resync", feeds: [feed] });
  }

  #refused(message: ErrorMessage): void {
    const subscription = message.feed === null ? undefined : this.#subscriptions.get(message.feed);
    if (subscription === undefined) {
      console.warn(`The server reports ${message.code}: ${message.message}`);
      return;
    }
    if (CHOICE_ERRORS.has(message.code) && !subscription.choiceRefused) {
      subscription.choiceRefused = true;
      this.#queueRequests();
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
