/**
 * The state of one feed: rows by symbol, or a list of events. It is built from a snapshot and the frames after it.
 * Pure functions apply a delta to a table (docs/protocol.md, "Changes of a table").
 *
 * Without socket and clock: the caller passes its monotonic time, in milliseconds, with each message.
 */
import {
  type Append,
  type Cells,
  COLUMNS_OF_MASK,
  type Delta,
  type FeedMessage,
  type Position,
  type Row,
  type Snapshot,
  type Value,
} from "./messages";
import { rowsFit } from "./parser";

/** The state of a feed, for reading by widgets. */
export interface FeedView {
  readonly columns: readonly string[];
  readonly rows: ReadonlyMap<string, Row>;
  /** The newest events of a feed of events, oldest first. A symbol may have several. */
  readonly events: readonly Row[];
  /** The market time of the newest data, in epoch milliseconds; `null` before the first data. */
  readonly marketTimeMs: number | null;
  /** The newest document of a feed that is one; `null` for a feed of rows. */
  readonly document: Readonly<Record<string, unknown>> | null;
  /** Whether a snapshot has arrived. It distinguishes an empty feed from one that is still loading. */
  readonly loaded: boolean;
  /** The rank of `symbol` in the feed, from 1; `null` if the feed does not have it. */
  rank(symbol: string): number | null;
  /** The value of column `name` in `row`; `null` if it is absent or the feed has no such column. */
  value(row: Row, name: string): Value;
  /** The age of the newest data at `nowMs` of the caller's monotonic clock; `null` if unknown. */
  ageMs(nowMs: number): number | null;
  /** What must be said beside the values of a column. */
  mark(name: string): ColumnMark;
  /** Whether an operator has switched off the whole feed. */
  readonly isOff: boolean;
}

/**
 * `off`: an operator has switched the column off. A number: it was off before, and counts only since this market time
 * (epoch milliseconds). `null`: its values are complete.
 */
export type ColumnMark = "off" | number | null;

/** The changes since the last update. After `reset`, a widget must compare its whole state. */
export interface FeedUpdate {
  readonly reset: boolean;
  readonly changed: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

export class FeedState implements FeedView {
  columns: readonly string[] = [];
  readonly rows = new Map<string, Row>();
  events: readonly Row[] = [];
  marketTimeMs: number | null = null;
  document: Readonly<Record<string, unknown>> | null = null;
  loaded = false;
  isOff = false;

  #indexes = new Map<string, number>();
  /** The rows in the order of the feed. */
  #sequence: readonly Row[] = [];
  #ranks: ReadonlyMap<string, number> = new Map();
  #off: ReadonlySet<string> = new Set();
  #partial: ReadonlyMap<string, number> = new Map();
  #limit: number | null = null;
  #position: Position | null = null;
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

  mark(name: string): ColumnMark {
    return this.#off.has(name) ? "off" : (this.#partial.get(name) ?? null);
  }

  /** The position of the last applied frame; `null` before the first snapshot and after a gap, until the next one. */
  get position(): Position | null {
    return this.#position;
  }

  /** Whether `takeUpdate` would return any change. */
  get dirty(): boolean {
    return this.#reset || this.#changed.size > 0 || this.#removed.size > 0;
  }

  /**
   * Applies a frame of the feed.
   *
   * Returns false if frames before it were missed, or if it does not fit to the state. Then nothing changes until the
   * next snapshot.
   */
  apply(message: FeedMessage, nowMs: number): boolean {
    if (!this.#fits(message)) {
      this.#position = null;
      return false;
    }
    this.#position = { epoch: message.epoch, seq: message.seq };
    this.#ageAtArrivalMs = message.age_ms;
    this.#arrivedAtMs = nowMs;
    if ("market_time_ms" in message) this.marketTimeMs = message.market_time_ms ?? this.marketTimeMs;
    return true;
  }

  /** All changes since the last call as one update. Its size is bounded by the number of symbols, not of frames. */
  takeUpdate(): FeedUpdate {
    const update = { reset: this.#reset, changed: this.#changed, removed: this.#removed };
    this.#reset = false;
    this.#changed = new Set();
    this.#removed = new Set();
    return update;
  }

  #fits(message: FeedMessage): boolean {
    switch (message.type) {
      case "snapshot":
        return this.#replace(message);
      case "document":
        this.document = message.document;
        this.loaded = true;
        this.#reset = true;
        return true;
      case "resumed":
        return this.#isAt(message.epoch, message.seq);
      case "delta":
        return this.#isAt(message.epoch, message.prev) && this.#change(message);
      case "alert":
      case "append":
        return this.#isAt(message.epoch, message.prev) && this.#append(message);
    }
  }

  #isAt(epoch: string, seq: number): boolean {
    return this.#position?.epoch === epoch && this.#position.seq === seq;
  }

  #replace(message: Snapshot): boolean {
    this.columns = message.columns;
    this.#indexes = new Map(message.columns.map((name, index) => [name, index + 1]));
    this.#off = new Set(message.off);
    this.#partial = message.partial;
    this.isOff = message.columns.length > 0 && message.columns.every((name) => this.#off.has(name));
    this.#limit = message.limit;
    this.events = message.limit === null ? [] : message.rows;
    this.#sequence = message.limit === null ? message.rows : [];
    this.#ranks = ranksOf(this.#sequence);
    this.rows.clear();
    for (const row of this.#sequence) this.rows.set(row[0], row);
    this.loaded = true;
    this.#reset = true;
    this.#changed.clear();
    this.#removed.clear();
    return true;
  }

  #change(message: Delta): boolean {
    if (this.#limit !== null) return false;
    const change = changeTable(this.#sequence, message, this.columns.length);
    if (change === null) return false;
    this.#sequence = change.rows;
    for (const row of change.changed) {
      this.rows.set(row[0], row);
      this.#changed.add(row[0]);
    }
    if (change.ranks !== null) this.#rerank(change.ranks);
    return true;
  }

  /** Notes the symbols whose rank changed, and drops those that are gone. */
  #rerank(ranks: ReadonlyMap<string, number>): void {
    const before = this.#ranks;
    this.#ranks = ranks;
    for (const [symbol, rank] of ranks) {
      if (rank === before.get(symbol)) continue;
      this.#changed.add(symbol);
      this.#removed.delete(symbol);
    }
    for (const symbol of before.keys()) {
      if (ranks.has(symbol)) continue;
      this.rows.delete(symbol);
      this.#changed.delete(symbol);
      this.#removed.add(symbol);
    }
  }

  /** Appends to the list, and removes the oldest events above the limit. */
  #append(message: Append): boolean {
    if (this.#limit === null || !rowsFit(message.rows, this.columns.length)) return false;
    this.events = [...this.events, ...message.rows].slice(-this.#limit);
    this.#reset = true;
    return true;
  }
}

export interface TableChange {
  /** The rows after the delta, in the order of the feed. */
  readonly rows: readonly Row[];
  /** The rank of each symbol, from 1, if the order changed; otherwise `null`. */
  readonly ranks: ReadonlyMap<string, number> | null;
  /** The rows with new values, and those of new symbols. Some may be gone again from `rows`. */
  readonly changed: readonly Row[];
}

/**
 * The change of the table `before` (its rows in order) by `delta`; `null` if the delta does not fit to it.
 *
 * `before` and its rows are not modified: widgets still hold them.
 */
export function changeTable(before: readonly Row[], delta: Delta, columnCount: number): TableChange | null {
  const rows = before.slice();
  const changed: Row[] = [];
  for (const cells of delta.cells) {
    const place = cells[0] ?? -1;
    const row = rows[place];
    const next = row === undefined ? null : changeRow(row, cells, columnCount);
    if (next === null) return null;
    rows[place] = next;
    changed.push(next);
  }
  if (!rowsFit(delta.rows, columnCount)) return null;
  if (delta.order === null) return delta.rows.length === 0 ? { rows, ranks: null, changed } : null;
  const ordered = inOrder(rows, delta.order, delta.rows);
  if (ordered === null) return null;
  const ranks = ranksOf(ordered);
  if (ranks.size !== ordered.length) return null; // A symbol is there twice.
  for (const row of delta.rows) changed.push(row);
  return { rows: ordered, ranks, changed };
}

/** The rank of each symbol, from 1. */
export function ranksOf(rows: readonly Row[]): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (let place = 0; place < rows.length; place += 1) ranks.set((rows[place] as Row)[0], place + 1);
  return ranks;
}

/** The row with its changed values; `null` if masks and values do not fit to each other or to the columns. */
function changeRow(row: Row, cells: Cells, columnCount: number): Row | null {
  const next = row.slice() as [string, ...Value[]];
  const maskCount = Math.ceil(columnCount / COLUMNS_OF_MASK);
  let at = 1 + maskCount;
  for (let index = 0; index < maskCount; index += 1) {
    let mask = cells[1 + index] ?? -1;
    if (mask < 0 || mask >= 2 ** COLUMNS_OF_MASK || !Number.isInteger(mask)) return null;
    while (mask !== 0) {
      const column = COLUMNS_OF_MASK * index + 31 - Math.clz32(mask & -mask);
      const value = cells[at];
      if (column >= columnCount || value === undefined) return null;
      next[1 + column] = value;
      at += 1;
      mask &= mask - 1;
    }
  }
  return at === cells.length ? next : null;
}

/** The rows in their new order; `null` if the order names what is not there, or not each new symbol. */
function inOrder(
  before: readonly Row[],
  order: NonNullable<Delta["order"]>,
  added: readonly Row[],
): readonly Row[] | null {
  const addedRows = new Map(added.map((row) => [row[0], row]));
  const rows: Row[] = [];
  for (const entry of order) {
    if (typeof entry === "string") {
      const row = addedRows.get(entry);
      if (row === undefined || !addedRows.delete(entry)) return null;
      rows.push(row);
      continue;
    }
    const [start, count] = entry;
    // Without this check, a wrong count would make the browser copy the same rows without end.
    if (start < 0 || count < 0 || start + count > before.length) return null;
    if (rows.length + count > before.length + added.length) return null;
    for (let place = start; place < start + count; place += 1) rows.push(before[place] as Row);
  }
  return addedRows.size === 0 ? rows : null;
}
