/** Applies a delta to the rows of a table (docs/protocol.md, "Changes of a table"). Pure functions. */
import { type Cells, COLUMNS_OF_MASK, type Delta, type Row, rowsFit, type Value } from "./messages";

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
