/** What a person is told about the connection, derived from the facts that the client keeps. */
import { formatDelay, formatOpening } from "../format";
import type { Status } from "./messages";
import type { StopReason } from "./reconnect";

/** How a state is to be shown: all is well, nothing is to be expected, take care, something is broken. */
export type Alarm = "none" | "calm" | "warning" | "fault";

/** A state of the data as the server's configuration of the page words it. */
export interface StateText {
  readonly label: string;
  readonly meaning: string;
  readonly alarm: Alarm;
}

export type StateTexts = ReadonlyMap<string, StateText>;

/** The facts, all times on the client's monotonic clock. */
export interface ConnectionFacts {
  /** `waiting`: between two attempts. `stopped`: for good. */
  readonly phase: "connecting" | "open" | "waiting" | "stopped";
  /** Attempts that failed since the last good connection. */
  readonly failedAttempts: number;
  readonly retryAtMs: number | null;
  readonly stopReason: StopReason | null;
  readonly status: Status | null;
  readonly lastMessageAtMs: number | null;
}

export interface ConnectionReport {
  readonly alarm: Alarm;
  /** A word or two for the badge. */
  readonly label: string;
  /** A sentence that says what it means and what happens next; may be empty. */
  readonly detail: string;
  /** By how much the feed is late by its plan, in words; empty where it is not. */
  readonly delay: string;
  /** Whether to lead to the login. */
  readonly loggedOut: boolean;
}

/** The server sends a status every 5 s; after two missing ones the data on screen may not be called live. */
export const SILENT_AFTER_MS = 12_000;

/** Nothing is known yet. */
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

/** A state of a newer server than the page: its name is all that is known, and it is not live. */
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
