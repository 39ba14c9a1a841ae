/** The texts about the connection that a page shows, derived from the facts in `ConnectionFacts`. */
import { formatDelay, formatOpening } from "../format";
import type { Status } from "./messages";
import type { StopReason } from "./reconnect";

/** How a state is displayed: all is well, no data is expected, warning, fault. */
export type Alarm = "none" | "calm" | "warning" | "fault";

/** The texts of a state of the data, from the page's configuration. */
export interface StateText {
  readonly label: string;
  readonly meaning: string;
  readonly alarm: Alarm;
}

export type StateTexts = ReadonlyMap<string, StateText>;

/** The facts about a connection. All times are of the client's monotonic clock. */
export interface ConnectionFacts {
  /** `waiting`: until the next attempt. `stopped`: no further attempt. */
  readonly phase: "connecting" | "open" | "waiting" | "stopped";
  /** The number of failed attempts since the last stable connection. */
  readonly failedAttempts: number;
  readonly retryAtMs: number | null;
  readonly stopReason: StopReason | null;
  readonly status: Status | null;
  readonly lastMessageAtMs: number | null;
}

export interface ConnectionReport {
  readonly alarm: Alarm;
  /** One or two words for the badge. */
  readonly label: string;
  /** An explanation, and what happens next; may be empty. */
  readonly detail: string;
  /** The delay of the provider's feed by its plan, as a text; empty if there is none. */
  readonly delay: string;
  /** Whether to show a link to the login. */
  readonly loggedOut: boolean;
}

/** The server sends a status every 5 s. After two missing ones the data on the screen must not be called live. */
export const SILENT_AFTER_MS = 12_000;

/** The report before the first status. */
export const CONNECTING: ConnectionReport = report("warning", "Connecting", "");

const STOPPED: Readonly<Record<StopReason, ConnectionReport>> = {
  logged_out: {
    ...report("fault", "Logged out", "The session ended. Log in again to go on."),
    loggedOut: true,
  },
  too_many_connections: report(
    "fault",
    "Disconnected",
    "Too many windows of this account are open. Close some, then reload.",
  ),
  message_too_large: report("fault", "Disconnected", "The server refused a message. Reload the page."),
};

export function describeConnection(
  facts: ConnectionFacts,
  nowMs: number,
  states: StateTexts,
): ConnectionReport {
  if (facts.phase === "stopped") return STOPPED[facts.stopReason ?? "logged_out"];
  if (facts.phase === "open") return describeOpen(facts, nowMs, states);
  if (facts.failedAttempts === 0) return CONNECTING;
  return report("fault", "Offline", retryText(facts, nowMs));
}

function describeOpen(facts: ConnectionFacts, nowMs: number, states: StateTexts): ConnectionReport {
  if (facts.status === null) return CONNECTING;
  if (nowMs - (facts.lastMessageAtMs ?? nowMs) > SILENT_AFTER_MS) {
    return report("warning", "Stale", "The server has gone silent.");
  }
  const { state, detail, opens_ms, feed_delay_ms } = facts.status;
  const { label, meaning, alarm } = states.get(state) ?? unknownState(state);
  const sentences = [detail || meaning, opens_ms ? `Opens ${formatOpening(opens_ms)}.` : ""];
  return {
    ...report(alarm, label, alarm === "none" ? "" : sentences.filter(Boolean).join(" ")),
    delay: feed_delay_ms ? `Delayed ${formatDelay(feed_delay_ms)}` : "",
  };
}

/** The text of a state that this page does not know, because the server is newer: its name, with a warning. */
function unknownState(state: string): StateText {
  const words = state.replaceAll("_", " ");
  return { label: words.charAt(0).toUpperCase() + words.slice(1), meaning: "", alarm: "warning" };
}

function report(alarm: Alarm, label: string, detail: string): ConnectionReport {
  return { alarm, label, detail, delay: "", loggedOut: false };
}

function retryText(facts: ConnectionFacts, nowMs: number): string {
  if (facts.phase === "connecting" || facts.retryAtMs === null) return "Reconnecting.";
  const seconds = Math.max(1, Math.ceil((facts.retryAtMs - nowMs) / 1000));
  return `Reconnecting in ${seconds} s.`;
}
