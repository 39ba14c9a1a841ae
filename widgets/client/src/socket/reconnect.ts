/** Decides whether and when to reconnect. It has no timers. */

export type StopReason = "logged_out" | "too_many_connections" | "message_too_large";

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 20_000;

/** A connection that was open for this time counts as stable: after it, the delays start again at the shortest one. */
export const STABLE_AFTER_MS = 10_000;

/** The close codes of docs/protocol.md after which the client must not reconnect. */
const STOP_CODES: ReadonlyMap<number, StopReason> = new Map([
  [4401, "logged_out"],
  [4409, "message_too_large"],
  [4429, "too_many_connections"],
]);

/** The reason to stop after a close with `code`; `null` if the client should reconnect. */
export function stopReason(code: number): StopReason | null {
  return STOP_CODES.get(code) ?? null;
}

/**
 * Milliseconds to wait before attempt number `attempt` (0 for the first after a loss).
 *
 * The delay doubles up to 20 s. `random` in [0, 1) spreads it over the upper half of this time, so that many
 * browsers do not reconnect to a restarted server at the same moment.
 */
export function reconnectDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** Math.min(attempt, 30));
  return ceiling * (0.5 + random / 2);
}
