import { formatAge } from "../../format";
import type { ConnectionReport } from "../../socket/connection-report";

/** A board whose data is older says so in its head. */
const SHOWN_AFTER_MS = 5_000;

/**
 * What a board says of the age of its data (milliseconds); empty where it says nothing. Pure.
 *
 * Whether the data is fresh is the server's verdict and nobody else's. While that is live, a board is silent: an
 * unchanged board gets no frame, and after an outage the verdict may arrive a moment before the first frame.
 */
export function ageText(ageMs: number | null, report: ConnectionReport): string {
  if (report.alarm === "none" || ageMs === null || ageMs <= SHOWN_AFTER_MS) return "";
  return `${formatAge(ageMs)} old`;
}
