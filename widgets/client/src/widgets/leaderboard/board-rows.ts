/**
 * What the grid must be told, given what the feed says and whether the order is held.
 *
 * While a pointer or the keyboard is on the rows, nothing may move: values keep changing, but symbols that leave
 * the board stay where they are (marked as gone) and new ones wait. Pure: no grid, no DOM.
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
  /** What the grid shows, by symbol. */
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

  /** Symbols that left the board but are still shown, because the order is held. */
  isGone(symbol: string): boolean {
    return this.#gone.has(symbol);
  }

  /** Freezes the set of shown symbols. */
  hold(): void {
    this.#held = true;
  }

  /** Ends the hold; returns what was put off meanwhile. */
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
    updated.push(row); // Not a new value: the grid draws the row anew, as gone.
  }

  #drop(symbol: string, removed: Row[]): void {
    const row = this.#shown.get(symbol);
    if (row === undefined) return;
    this.#shown.delete(symbol);
    removed.push(row);
  }
}
