/**
 * The state of one feed: rows by symbol, or a list of events. It is built from a snapshot and the frames after it.
 *
 * Without socket and clock: the caller passes its monotonic time, in milliseconds, with each message.
 */
import {
  type Append,
  type Delta,
  type FeedMessage,
  type Row,
  rowsFit,
  type Snapshot,
  type Value,
} from "./messages";

/** The state of a feed, for reading by widgets. */
export interface FeedView {
  readonly columns: readonly string[];
  readonly rows: ReadonlyMap<string, Row>;
  /** The newest events of a feed of events, oldest first. A symbol may have several. */
  readonly events: readonly Row[];
  /** The market time of the newest data, in epoch milliseconds; `null` before the first data. */
  readonly marketTimeMs: number | null;
  /** Whether a snapshot has arrived. It distinguishes an empty feed from one that is still loading. */
  readonly loaded: boolean;
  /** The rank of `symbol` in the feed, from 1; `null` if the feed does not have it. */
  rank(symbol: string): number | null;
  /** The value of column `name` in `row`; `null` if it is absent or the feed has no such column. */
  value(row: Row, name: string): Value;
  /** The age of the newest data at `nowMs` of the caller's monotonic clock; `null` if unknown. */
  ageMs(nowMs: number): number | null;
}

/** The changes since the last update. After `reset`, a widget must compare its whole state. */
export interface FeedUpdate {
  readonly reset: boolean;
  readonly changed: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export class FeedState implements FeedView {
  columns: readonly string[] = [];
  rows = new Map<string, Row>();
  events: readonly Row[] = [];
  marketTimeMs: number | null = null;
  loaded = false;

  #indexes = new Map<string, number>();
  #ranks: ReadonlyMap<string, number> = new Map();
  #limit = 0;
  #epoch = "";
  #seq = 0;
  #follows = false;
  #ageAtArrivalMs: number | null = null;
  #arrivedAtMs = 0;
  #reset = false;
  #changed = new Set<string>();
  #removed = new Set<string>();

  rank(symbol: string): number | null {
    return this.#ranks.get(symbol) ?? null;
  }

  value(row: Row, name: string): Value {
    const index = this.#indexes.get(name);
    return index === undefined ? null : ((row[index] as Value | undefined) ?? null);
  }

  ageMs(nowMs: number): number | null {
    return this.#ageAtArrivalMs === null ? null : this.#ageAtArrivalMs + (nowMs - this.#arrivedAtMs);
  }

  /** Whether deltas can be applied: false before the first snapshot and after a gap. */
  get follows(): boolean {
    return this.#follows;
  }

  /** Whether `takeUpdate` would return any change. */
  get dirty(): boolean {
    return this.#reset || this.#changed.size > 0 || this.#removed.size > 0;
  }

  /** Refuses further deltas until the next snapshot. The rows are kept until then. */
  expectSnapshot(): void {
    this.#follows = false;
  }

  /** Applies a frame of the feed. Returns false, and changes nothing, if frames before it were missed. */
  apply(message: FeedMessage, nowMs: number): boolean {
    if (message.type === "snapshot") this.#replace(message);
    else if (!this.#nextIs(message)) return false;
    else if (message.type === "delta") this.#change(message);
    else this.#append(message);
    this.#advance(message, nowMs);
    return true;
  }

  #replace(message: Snapshot): void {
    this.columns = message.columns;
    this.#indexes = new Map(message.columns.map((name, index) => [name, index + 1]));
    const states = message.limit === null ? message.rows : [];
    this.rows = new Map(states.map((row) => [row[0], row]));
    this.#ranks = new Map(states.map(([symbol], index) => [symbol, index + 1]));
    this.events = message.limit === null ? [] : message.rows;
    this.#limit = message.limit ?? 0;
    this.loaded = true;
    this.#follows = true;
    this.#reset = true;
    this.#changed.clear();
    this.#removed.clear();
  }

  #change(message: Delta): void {
    for (const symbol of message.removed) {
      if (!this.rows.delete(symbol)) continue;
      this.#changed.delete(symbol);
      this.#removed.add(symbol);
    }
    for (const row of message.rows) {
      this.rows.set(row[0], row);
      this.#removed.delete(row[0]);
      this.#changed.add(row[0]);
    }
    if (message.order !== null) this.#reorder(message.order);
  }

  /** Appends to the list, and removes the oldest events above the limit. */
  #append(message: Append): void {
    this.events = [...this.events, ...message.rows].slice(-this.#limit);
    this.#reset = true;
  }

  /** All changes since the last call as one update. Its size is bounded by the number of symbols, not of frames. */
  takeUpdate(): FeedUpdate {
    const update = { reset: this.#reset, changed: this.#changed, removed: this.#removed };
    this.#reset = false;
    this.#changed = new Set();
    this.#removed = new Set();
    return update;
  }

  #nextIs(message: Delta | Append): boolean {
    const next = message.epoch === this.#epoch && message.seq === this.#seq + 1;
    this.#follows = this.#follows && next && rowsFit(message.rows, this.columns.length);
    return this.#follows;
  }

  /** Sets the order. A symbol whose rank changed counts as changed. */
  #reorder(order: readonly string[]): void {
    const before = this.#ranks;
    this.#ranks = new Map(order.map((symbol, index) => [symbol, index + 1]));
    for (const [symbol, rank] of this.#ranks) {
      if (rank !== before.get(symbol)) this.#changed.add(symbol);
    }
  }

  #advance(message: FeedMessage, nowMs: number): void {
    this.#epoch = message.epoch;
    this.#seq = message.seq;
    this.#ageAtArrivalMs = message.age_ms;
    this.#arrivedAtMs = nowMs;
    this.marketTimeMs = message.market_time_ms ?? this.marketTimeMs;
  }
}
