/**
 * What one feed holds: rows by symbol, or a list of events, put together from a snapshot and what follows it.
 *
 * Pure: no socket, no clock. The caller passes its monotonic time, in milliseconds, with each message.
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

/** A feed as widgets read it. */
export interface FeedView {
  readonly columns: readonly string[];
  readonly rows: ReadonlyMap<string, Row>;
  /** Of a feed of events, the newest of them, oldest first; a symbol may have several. */
  readonly events: readonly Row[];
  /** The market's own time of the newest data, epoch milliseconds; `null` before the first. */
  readonly marketTimeMs: number | null;
  /** Whether a snapshot has come: an empty feed is not one that is still loading. */
  readonly loaded: boolean;
  /** The place of `symbol` in the feed's order, from 1; `null` when it is not in the feed. */
  rank(symbol: string): number | null;
  /** The value of column `name` in `row`; `null` when it is absent or the feed has no such column. */
  value(row: Row, name: string): Value;
  /** Age of the newest data at `nowMs` on the monotonic clock that the messages arrived by; `null` when unknown. */
  ageMs(nowMs: number): number | null;
}

/** What changed since the last update. After `reset`, everything that a widget held must be compared anew. */
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

  /** Whether deltas are expected to follow what is held (false before the first snapshot and after a gap). */
  get follows(): boolean {
    return this.#follows;
  }

  /** Whether there is anything for `takeUpdate` to hand out. */
  get dirty(): boolean {
    return this.#reset || this.#changed.size > 0 || this.#removed.size > 0;
  }

  /** Forgets the place in the sequence, but not the rows: what was shown stays until a snapshot replaces it. */
  expectSnapshot(): void {
    this.#follows = false;
  }

  /** Applies a step of the feed. Returns false, and changes nothing, where frames were missed before it. */
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

  /** Appends to the list, and forgets the oldest beyond the limit. */
  #append(message: Append): void {
    this.events = [...this.events, ...message.rows].slice(-this.#limit);
    this.#reset = true;
  }

  /** The changes since the last call, folded into one update: bounded by the number of symbols, not of frames. */
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

  /** A symbol whose rank changed has changed, although its values have not. */
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
