/**
 * Computes the row changes for the grid from the updates of the feed and the hold of the order.
 *
 * While a pointer or the keyboard focus is on the rows, no row may move. Values still change. A symbol that leaves the
 * board stays in its position, marked as gone, and new symbols wait. No grid and no DOM here.
 */
import type { FeedUpdate, FeedView } from "../../socket/feed-state";
import type { Row } from "../../socket/messages";

export interface RowChanges {
  readonly add: readonly Row[];
  readonly update: readonly Row[];
  readonly remove: readonly Row[];
}

const NO_CHANGES: RowChanges = { add: [], update: [], remove: [] };

export class BoardRows {
  /** The rows in the grid, by symbol. */
  readonly #shown = new Map<string, Row>();
  readonly #gone = new Set<string>();
  #source: ReadonlyMap<string, Row> = new Map();
  #held = false;

  get held(): boolean {
    return this.#held;
  }

  get count(): number {
    return this.#source.size;
  }

  /** Whether a symbol left the board but is still shown, because the order is held. */
  isGone(symbol: string): boolean {
    return this.#gone.has(symbol);
  }

  /** Holds the order: no rows are added or removed from now on. */
  hold(): void {
    this.#held = true;
  }

  /** Ends the hold. Returns the changes that were postponed. */
  release(): RowChanges {
    this.#held = false;
    this.#gone.clear();
    return this.#differences();
  }

  apply(view: FeedView, update: FeedUpdate): RowChanges {
    this.#source = view.rows;
    if (update.reset) return this.#held ? this.#heldDifferences() : this.#differences();
    return this.#held ? this.#heldChanges(update) : this.#changes(update);
  }

  #changes(update: FeedUpdate): RowChanges {
    const changes = { add: [] as Row[], update: [] as Row[], remove: [] as Row[] };
    for (const symbol of update.changed) {
      const row = this.#source.get(symbol);
      if (row === undefined) continue;
      (this.#shown.has(symbol) ? changes.update : changes.add).push(row);
      this.#shown.set(symbol, row);
    }
    for (const symbol of update.removed) this.#drop(symbol, changes.remove);
    return changes;
  }

  #heldChanges(update: FeedUpdate): RowChanges {
    const updated: Row[] = [];
    for (const symbol of update.changed) {
      const row = this.#source.get(symbol);
      if (row !== undefined && this.#shown.has(symbol)) this.#replace(row, updated);
    }
    for (const symbol of update.removed) this.#markGone(symbol, updated);
    return { ...NO_CHANGES, update: updated };
  }

  #differences(): RowChanges {
    const changes = { add: [] as Row[], update: [] as Row[], remove: [] as Row[] };
    for (const symbol of this.#shown.keys()) {
      if (!this.#source.has(symbol)) this.#drop(symbol, changes.remove);
    }
    for (const [symbol, row] of this.#source) {
      const shown = this.#shown.get(symbol);
      if (shown === undefined) changes.add.push(row);
      else if (shown !== row) changes.update.push(row);
      this.#shown.set(symbol, row);
    }
    return changes;
  }

  #heldDifferences(): RowChanges {
    const updated: Row[] = [];
    for (const [symbol, shown] of this.#shown) {
      const row = this.#source.get(symbol);
      if (row === undefined) this.#markGone(symbol, updated);
      else if (row !== shown) this.#replace(row, updated);
    }
    return { ...NO_CHANGES, update: updated };
  }

  #replace(row: Row, updated: Row[]): void {
    this.#gone.delete(row[0]);
    this.#shown.set(row[0], row);
    updated.push(row);
  }

  #markGone(symbol: string, updated: Row[]): void {
    const row = this.#shown.get(symbol);
    if (row === undefined || this.#gone.has(symbol)) return;
    this.#gone.add(symbol);
    updated.push(row); // The values are the same, but the grid must draw the row again, as gone.
  }

  #drop(symbol: string, removed: Row[]): void {
    const row = this.#shown.get(symbol);
    if (row === undefined) return;
    this.#shown.delete(symbol);
    removed.push(row);
  }
}
