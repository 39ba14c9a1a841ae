/** What a person is told about the connection, derived from the facts that the client keeps. */
import type { Status } from "./messages";
import type { StopReason } from "./reconnect";

export type ConnectionState = "connecting" | "live" | "stale" | "offline" | "logged_out" | "stopped";

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
  readonly state: ConnectionState;
  /** One word for the badge. */
  readonly label: string;
  /** A sentence that says what it means and what happens next; may be empty. */
  readonly detail: string;
}

/** The server sends a status every 5 s; after two missing ones the data on screen may not be called live. */
export const SILENT_AFTER_MS = 12_000;

const STOPPED: Readonly<Record<StopReason, ConnectionReport>> = {
  logged_out: {
    state: "logged_out",
    label: "Logged out",
    detail: "The session ended. Log in again to go on.",
  },
  too_many_connections: {
    state: "stopped",
    label: "Stopped",
    detail: "Too many windows of this account are open. Close some, then reload.",
  },
  message_too_large: {
    state: "stopped",
    label: "Stopped",
    detail: "The server refused a message. Reload the page.",
  },
};

export function describeConnection(facts: ConnectionFacts, nowMs: number): ConnectionReport {
  if (facts.phase === "stopped") return STOPPED[facts.stopReason ?? "logged_out"];
  if (facts.phase === "open") return describeOpen(facts, nowMs);
  if (facts.failedAttempts === 0) return { state: "connecting", label: "Connecting", detail: "" };
  return { state: "offline", label: "Offline", detail: retryText(facts, nowMs) };
}

function describeOpen(facts: ConnectionFacts, nowMs: number): ConnectionReport {
  if (facts.status === null) return { state: "connecting", label: "Connecting", detail: "" };
  if (nowMs - (facts.lastMessageAtMs ?? nowMs) > SILENT_AFTER_MS) {
    return { state: "stale", label: "Stale", detail: "The server has gone silent." };
  }
  if (facts.status.state === "stale") {
    return { state: "stale", label: "Stale", detail: facts.status.detail || "No new market data." };
  }
  return { state: "live", label: "Live", detail: facts.status.detail };
}

function retryText(facts: ConnectionFacts, nowMs: number): string {
  if (facts.phase === "connecting" || facts.retryAtMs === null) return "Reconnecting.";
  const seconds = Math.max(1, Math.ceil((facts.retryAtMs - nowMs) / 1000));
  return `Reconnecting in ${seconds} s.`;
}
