import { tableDifference } from "../../dev/table-difference.mjs";
import type { Append, Delta, Resumed, Row, Snapshot } from "../../src/socket/messages";

export const FEED = "scanners:top_gainers";

export function snapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot",
    feed: FEED,
    epoch: "e1",
    seq: 1,
    age_ms: 100,
    market_time_ms: 1_795_000_000_000,
    columns: ["volume", "close"],
    rows: [["AAA", 1, 10]],
    limit: null,
    off: [],
    partial: new Map(),
    ...fields,
  };
}

export function alert(seq: number, rows: readonly Row[], fields: Partial<Append> = {}): Append {
  return { type: "alert", ...head(seq), rows, ...fields };
}

export function delta(seq: number, fields: Partial<Delta> = {}): Delta {
  return { type: "delta", ...head(seq), rows: [], cells: [], order: null, ...fields };
}

/** The delta with which a server turns the rows `before` into `after`. */
export function step(
  seq: number,
  before: readonly Row[],
  after: readonly Row[],
  fields: Partial<Delta> = {},
): Delta {
  return delta(seq, { ...tableDifference(before, after), ...fields });
}

export function resumed(seq: number, fields: Partial<Resumed> = {}): Resumed {
  return { type: "resumed", feed: FEED, epoch: "e1", seq, age_ms: 50, ...fields };
}

function head(seq: number) {
  return { feed: FEED, epoch: "e1", prev: seq - 1, seq, age_ms: 50, market_time_ms: 1_795_000_000_250 };
}
