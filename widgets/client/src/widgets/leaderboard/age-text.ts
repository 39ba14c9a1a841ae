import { formatAge } from "../../format";
import type { ConnectionReport } from "../../socket/connection-report";

/** A board shows the age of its data if it is older than this. */
const SHOWN_AFTER_MS = 5_000;

/**
 * The text about the age of a board's data (`ageMs`); empty if the board shows none.
 *
 * The server decides whether data is fresh. While its verdict is live, a board shows no age. Its own age would be
 * wrong: an unchanged board gets no frame, and after an outage the verdict may arrive before the first frame.
 */
export function ageText(ageMs: number | null, report: ConnectionReport): string {
  if (report.alarm === "none" || ageMs === null || ageMs <= SHOWN_AFTER_MS) return "";
  return `${formatAge(ageMs)} old`;
}
