/**
 * The messages of docs/protocol.md (`mdp.v2`) as types. `parser.ts` reads them from frames.
 *
 * Names of times end in `_ms`, as in the frames. A row is a symbol followed by one value for each column. `null`
 * means that a value is absent, which is not the same as zero.
 */

export const SUBPROTOCOL = "mdp.v2";
/** The server refuses messages with more feeds, unless its `welcome` says another number. */
export const MAX_FEEDS_IN_MESSAGE = 200;
/** A mask of a changed row has one bit for each of so many columns. */
export const COLUMNS_OF_MASK = 30;

export type Value = number | null;
export type Row = readonly [symbol: string, ...values: Value[]];

/** The range of a random wait, in milliseconds. */
export type WaitRange = readonly [shortest: number, longest: number];

/** How clients spread their reconnections. */
export interface ReconnectRanges {
  /** The wait after the server stopped or restarted. */
  readonly restart_ms: WaitRange;
  /** The wait after any other loss. */
  readonly lost_ms: WaitRange;
  /** The limit of the wait, which doubles after each failed attempt. */
  readonly longest_ms: number;
}

export interface Welcome {
  readonly type: "welcome";
  readonly user: string;
  /** The version of the server. */
  readonly server: string;
  readonly feedsPerMessage: number;
  /** `null` if the server does not say it. */
  readonly reconnect: ReconnectRanges | null;
}

/** The position of a frame in its feed. */
export interface Position {
  /** Compared, never read: it changes with the columns and with each start of the producer. */
  readonly epoch: string;
  readonly seq: number;
}

/** What all frames of feeds and `resumed` have. */
interface FrameHead extends Position {
  readonly feed: string;
  readonly age_ms: number | null;
}

export interface Snapshot extends FrameHead {
  readonly type: "snapshot";
  readonly market_time_ms: number | null;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** The maximum number of rows of a feed of events, oldest first; `null` for a feed with one row per symbol. */
  readonly limit: number | null;
  /** The columns that an operator has switched off. */
  readonly off: readonly string[];
  /** Columns that were off before, each with the market time (epoch ms) since which it counts. */
  readonly partial: ReadonlyMap<string, number>;
}

/** Rows to append to a feed of events: alerts or trades. */
export interface Append extends FrameHead {
  readonly type: "alert" | "append";
  /** The `seq` of the frame that this one follows. */
  readonly prev: number;
  readonly market_time_ms: number | null;
  readonly rows: readonly Row[];
}

/** The changed values of a row: its place in the order before the delta, masks for 30 columns each, then values. */
export type Cells = readonly Value[];
/** The neighbours of the order before the delta that stay together. */
export type Run = readonly [start: number, count: number];

export interface Delta extends FrameHead {
  readonly type: "delta";
  /** The `seq` of the frame that this one follows. */
  readonly prev: number;
  readonly market_time_ms: number | null;
  /** The rows of new symbols. */
  readonly rows: readonly Row[];
  readonly cells: readonly Cells[];
  /** New symbols and runs of former places, if the sequence of symbols changed; otherwise `null`. */
  readonly order: readonly (string | Run)[] | null;
}

/** The whole state of a feed that is one document, not rows. */
export interface DocumentMessage extends FrameHead {
  readonly type: "document";
  readonly document: Readonly<Record<string, unknown>>;
}

/** The server sent all frames after the position with which the client subscribed. */
export interface Resumed extends FrameHead {
  readonly type: "resumed";
}

export interface Unsubscribed {
  readonly type: "unsubscribed";
  readonly feed: string;
}

export interface Status {
  readonly type: "status";
  /** The state of the data: `live`, or the reason why it is not. A newer server may send further states. */
  readonly state: string;
  readonly age_ms: number | null;
  readonly detail: string;
  /** The opening time of a closed market, in market time; `null` if it is unknown or the market is not closed. */
  readonly opens_ms: number | null;
  /** The delay of the provider's feed by its plan. */
  readonly feed_delay_ms: number | null;
  /** The events that the platform received and could not pass on, since its listener started. */
  readonly lost_events: number;
  /** The frames that newer ones replaced before this client took them, since the last status. */
  readonly conflated: number;
  /** A text of an operator for all users; empty if there is none. */
  readonly banner: string;
}

export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly feed: string | null;
  readonly message: string;
}

export interface Pong {
  readonly type: "pong";
  readonly id: number | null;
}

/** A frame of a feed: its whole state, a change, or the end of the missed changes. */
export type FeedMessage = Snapshot | DocumentMessage | Delta | Append | Resumed;

export type ServerMessage = Welcome | FeedMessage | Unsubscribed | Status | ErrorMessage | Pong;

/** The columns and the rate of a feed. The usual choice is all columns at the fastest rate. */
export interface FeedChoice {
  readonly columns?: readonly string[];
  /** The most frames a second: 0.2 to 4. */
  readonly hz?: number;
}

/** An entry of `subscribe`. */
export interface Wish extends FeedChoice, Partial<Position> {
  readonly feed: string;
}

export type ClientMessage =
  | { readonly type: "subscribe"; readonly feeds: readonly (string | Wish)[] }
  | { readonly type: "unsubscribe" | "resync"; readonly feeds: readonly string[] }
  | { readonly type: "ping"; readonly id: number };
