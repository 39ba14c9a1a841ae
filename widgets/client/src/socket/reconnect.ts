/** Decides whether and when to reconnect, by docs/protocol.md. It has no timers. */
import type { ReconnectRanges } from "./messages";

/** What a client should do after the end of its connection. The reason of a close frame begins with it. */
const ACTIONS = ["reconnect", "log in again", "stop"] as const;
export type CloseAction = (typeof ACTIONS)[number];

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly action: CloseAction;
  /** The server's words for people; may be empty. */
  readonly words: string;
}

/** The end of a session, and of the right to market data, as the server reports them to an open connection. */
export const SESSION_ENDED: Ending = { code: 4401, action: "log in again", words: "" };
export const NO_RIGHT: Ending = { code: 4403, action: "stop", words: "" };
/** A lost connection without a close frame. */
export const LOST_CODE = 1006;

/** The ranges until the server's `welcome` says others. */
export const DEFAULT_RANGES: ReconnectRanges = {
  restart_ms: [500, 20_000],
  lost_ms: [250, 5_000],
  longest_ms: 30_000,
};

/** A connection that was open for this time counts as stable: after it, the delays start again at the shortest one. */
export const STABLE_AFTER_MS = 10_000;

/** The actions of close frames without a reason. All other codes mean: reconnect. */
const ACTION_OF_CODE: ReadonlyMap<number, CloseAction> = new Map([
  [4401, "log in again"],
  ...[1002, 1007, 1008, 1009, 4403, 4409, 4429, 4430].map((code) => [code, "stop"] as const),
]);
/** The server stops, restarts, or is full. Then it loses or refuses many clients at the same moment. */
const RESTART_CODES: ReadonlySet<number> = new Set([1001, 1012, 1013]);

/** The end of a connection by the code and the reason of its close frame. */
export function endingOf(code: number, reason: string): Ending {
  const named = ACTIONS.find((action) => reason === action || reason.startsWith(`${action}: `));
  if (named === undefined) {
    return { code, action: ACTION_OF_CODE.get(code) ?? "reconnect", words: reason };
  }
  return { code, action: named, words: reason.slice(named.length + 2) };
}

/**
 * Milliseconds to wait before attempt number `attempt` (0 for the first after a loss with `code`).
 *
 * `random` in [0, 1) spreads the wait over a range, so that many browsers do not come back in the same moment. The wait
 * doubles with each attempt, up to `longest_ms`. There the upper half of the limit is the range: all would otherwise
 * wait for the same time.
 */
export function reconnectDelayMs(
  attempt: number,
  random: number,
  code: number,
  ranges: ReconnectRanges,
): number {
  const [shortest, longest] = RESTART_CODES.has(code) ? ranges.restart_ms : ranges.lost_ms;
  const factor = 2 ** Math.min(attempt, 30);
  const upper = Math.min(longest * factor, ranges.longest_ms);
  const lower = Math.min(shortest * factor, upper / (attempt === 0 ? 1 : 2));
  return lower + (upper - lower) * random;
}
