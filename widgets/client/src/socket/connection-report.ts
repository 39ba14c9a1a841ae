/** The texts about the connection that a page shows, derived from the facts in `ConnectionFacts`. */
import { formatDelay, formatInteger, formatOpening } from "../format";
import type { Status } from "./messages";
import type { Ending } from "./reconnect";

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
  /** Why there is no further attempt; `null` in the other phases. */
  readonly ending: Ending | null;
  /** Whether the server has another version than the page. */
  readonly outdated: boolean;
  readonly status: Status | null;
  readonly lastMessageAtMs: number | null;
}

/** A fact beside the state, shown quietly: a few words, and their explanation. */
export interface Note {
  readonly words: string;
  readonly meaning: string;
}

export interface ConnectionReport {
  readonly alarm: Alarm;
  /** One or two words for the badge. */
  readonly label: string;
  /** An explanation, and what happens next; may be empty. */
  readonly detail: string;
  readonly notes: readonly Note[];
  /** Whether to show a link to the login. */
  readonly loggedOut: boolean;
}

/** The server sends a status every 5 s. After two missing ones the data on the screen must not be called live. */
export const SILENT_AFTER_MS = 12_000;

/** The report before the first status. */
export const CONNECTING: ConnectionReport = report("warning", "Connecting", "");

/** What to do after a close code that stops the page. All others are defects, and the server's words are shown. */
const STOP_TEXTS: ReadonlyMap<number, string> = new Map([
  [4403, "This account may no longer see market data."],
  [4429, "Too many windows of this account are open. Close some, then reload."],
]);

export function describeConnection(
  facts: ConnectionFacts,
  nowMs: number,
  states: StateTexts,
): ConnectionReport {
  if (facts.phase === "stopped") return describeStopped(facts.ending);
  if (facts.phase === "open") return describeOpen(facts, nowMs, states);
  if (facts.failedAttempts === 0) return CONNECTING;
  return report("fault", "Offline", retryText(facts, nowMs));
}

function describeStopped(ending: Ending | null): ConnectionReport {
  if (ending?.action !== "stop") {
    return { ...report("fault", "Logged out", "The session ended. Log in again to go on."), loggedOut: true };
  }
  const words = ending.words
    ? `The server ended the connection: ${ending.words}.`
    : "The server ended the connection.";
  return report("fault", "Disconnected", STOP_TEXTS.get(ending.code) ?? `${words} Reload the page.`);
}

function describeOpen(facts: ConnectionFacts, nowMs: number, states: StateTexts): ConnectionReport {
  if (facts.status === null) return CONNECTING;
  if (nowMs - (facts.lastMessageAtMs ?? nowMs) > SILENT_AFTER_MS) {
    return report("warning", "Stale", "The server has gone silent.");
  }
  const { state, detail, opens_ms } = facts.status;
  const { label, meaning, alarm } = states.get(state) ?? unknownState(state);
  const sentences = [detail || meaning, opens_ms ? `Opens ${formatOpening(opens_ms)}.` : ""];
  return {
    ...report(alarm, label, alarm === "none" ? "" : sentences.filter(Boolean).join(" ")),
    notes: notesOf(facts.status, facts.outdated),
  };
}

function notesOf(status: Status, outdated: boolean): Note[] {
  const { feed_delay_ms, lost_events, conflated } = status;
  const notes: Note[] = [];
  if (feed_delay_ms) {
    const meaning = "Received fresh from a feed that is late by its plan.";
    notes.push({ words: `Delayed ${formatDelay(feed_delay_ms)}`, meaning });
  }
  if (lost_events > 0) {
    const meaning = `Events lost by the platform since its listener started: ${formatInteger(lost_events)}. Figures of today may be wrong.`;
    notes.push({ words: "Events lost", meaning });
  }
  if (conflated > 0) {
    const meaning = `Updates that newer ones replaced in the last seconds: ${formatInteger(conflated)}. This browser or its network is slow. What is shown is true.`;
    notes.push({ words: "Slow reader", meaning });
  }
  if (outdated) {
    const meaning = "The server was updated after this page was loaded. Reload the page when convenient.";
    notes.push({ words: "Reload for update", meaning });
  }
  return notes;
}

/** The text of a state that this page does not know, because the server is newer: its name, with a warning. */
function unknownState(state: string): StateText {
  const words = state.replaceAll("_", " ");
  return { label: words.charAt(0).toUpperCase() + words.slice(1), meaning: "", alarm: "warning" };
}

function report(alarm: Alarm, label: string, detail: string): ConnectionReport {
  return { alarm, label, detail, notes: [], loggedOut: false };
}

function retryText(facts: ConnectionFacts, nowMs: number): string {
  if (facts.phase === "connecting" || facts.retryAtMs === null) return "Reconnecting.";
  const seconds = Math.max(1, Math.ceil((facts.retryAtMs - nowMs) / 1000));
  return `Reconnecting in ${seconds} s.`;
}
