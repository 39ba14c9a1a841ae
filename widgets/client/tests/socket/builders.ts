import type { Append, Delta, Row, Snapshot } from "../../src/socket/messages";

export const FEED = "scanners:top_gainers";

export function snapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot",
    feed: FEED,
    epoch: "e1",
    seq: 1,
    age_ms: 100,
    market_time_ms: 1_795_000_000_000,
    columns: ["rank", "close"],
    rows: [["AAA", 1, 10]],
    limit: null,
    ...fields,
  };
}

export function alert(seq: number, rows: readonly Row[], epoch = "e1"): Append {
  return { type: "alert", feed: FEED, epoch, seq, age_ms: 50, market_time_ms: 1_795_000_000_250, rows };
}

export function delta(
  seq: number,
  rows: readonly Row[] = [],
  removed: readonly string[] = [],
  epoch = "e1",
  order: readonly string[] | null = null,
): Delta {
  return {
    type: "delta",
    feed: FEED,
    epoch,
    seq,
    age_ms: 50,
    market_time_ms: 1_795_000_000_250,
    rows,
    removed,
    order,
  };
}
