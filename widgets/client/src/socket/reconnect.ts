/** Whether, and when, to connect again: decisions only, no timers. */

export type StopReason = "logged_out" | "too_many_connections" | "message_too_large";

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 20_000;

/** A connection that lived this long counts as a success: the next failure starts from the shortest delay. */
export const STABLE_AFTER_MS = 10_000;

/** The close codes of docs/protocol.md after which the client must not come back by itself. */
const STOP_CODES: ReadonlyMap<number, StopReason> = new Map([
  [4401, "logged_out"],
  [4409, "message_too_large"],
  [4429, "too_many_connections"],
]);

/** Why the client must stop after a close with `code`; `null` when it should reconnect. */
export function stopReason(code: number): StopReason | null {
  return STOP_CODES.get(code) ?? null;
}

/**
 * Milliseconds to wait before attempt number `attempt` (0 for the first after a loss).
 *
 * Doubles up to 20 s; `random` in [0, 1) spreads it over the upper half, so that a thousand browsers do not
 * come back to a restarted server in the same instant.
 */
export function reconnectDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** Math.min(attempt, 30));
  return ceiling * (0.5 + random / 2);
}
