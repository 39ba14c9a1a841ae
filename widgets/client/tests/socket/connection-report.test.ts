import { describe, expect, it } from "vitest";
import {
  type ConnectionFacts,
  describeConnection,
  type StateTexts,
} from "../../src/socket/connection-report";
import type { Status } from "../../src/socket/messages";

const STATES: StateTexts = new Map([
  ["live", { label: "Live", meaning: "The data is fresh.", alarm: "none" }],
  ["market_closed", { label: "Market closed", meaning: "Nothing is to be expected.", alarm: "calm" }],
  ["refused", { label: "Refused", meaning: "The provider refuses.", alarm: "fault" }],
]);
const LIVE: Status = {
  type: "status",
  state: "live",
  age_ms: 10,
  detail: "The data is fresh.",
  opens_ms: null,
  feed_delay_ms: 0,
};
const SUNDAY_BEFORE_OPEN = Date.UTC(2026, 10, 23, 9, 0);

const OPEN: ConnectionFacts = {
  phase: "open",
  failedAttempts: 0,
  retryAtMs: null,
  stopReason: null,
  status: LIVE,
  lastMessageAtMs: 1_000,
};

describe("the report about the connection", () => {
  it.each<[string, Partial<ConnectionFacts>, number, string, string, string]>([
    ["the first attempt", { phase: "connecting", status: null }, 1_000, "warning", "Connecting", ""],
    ["open, nothing said yet", { status: null }, 1_000, "warning", "Connecting", ""],
    ["open and live", {}, 1_000, "none", "Live", ""],
    [
      "the provider refuses, and says why",
      { status: { ...LIVE, state: "refused", detail: "Auth failed: unknown key." } },
      1_000,
      "fault",
      "Refused",
      "Auth failed: unknown key.",
    ],
    [
      "a closed market, and when it opens",
      { status: { ...LIVE, state: "market_closed", detail: "", opens_ms: SUNDAY_BEFORE_OPEN } },
      1_000,
      "calm",
      "Market closed",
      "Nothing is to be expected. Opens Mon 04:00 ET.",
    ],
    [
      "a state that this page does not know is not live",
      { status: { ...LIVE, state: "feed_on_fire", detail: "It burns." } },
      1_000,
      "warning",
      "Feed on fire",
      "It burns.",
    ],
    ["the server says nothing any more", {}, 14_000, "warning", "Stale", "The server has gone silent."],
    [
      "between attempts",
      { phase: "waiting", failedAttempts: 2, retryAtMs: 3_500 },
      1_000,
      "fault",
      "Offline",
      "Reconnecting in 3 s.",
    ],
    [
      "a later attempt",
      { phase: "connecting", failedAttempts: 2 },
      1_000,
      "fault",
      "Offline",
      "Reconnecting.",
    ],
    [
      "logged out",
      { phase: "stopped", stopReason: "logged_out" },
      1_000,
      "fault",
      "Logged out",
      "The session ended. Log in again to go on.",
    ],
  ])("%s", (_name, facts, now, alarm, label, detail) => {
    expect(describeConnection({ ...OPEN, ...facts }, now, STATES)).toMatchObject({ alarm, label, detail });
  });

  it("says by how much the feed is late, in every state of the data", () => {
    const status = { ...LIVE, feed_delay_ms: 900_000 };
    expect(describeConnection({ ...OPEN, status }, 1_000, STATES).delay).toBe("Delayed 15 min");
    expect(describeConnection(OPEN, 1_000, STATES).delay).toBe("");
  });

  it("says what to do where coming back needs a person", () => {
    const facts: ConnectionFacts = { ...OPEN, phase: "stopped", stopReason: "too_many_connections" };
    expect(describeConnection(facts, 0, STATES)).toMatchObject({
      label: "Disconnected",
      detail: expect.stringContaining("Close some"),
    });
  });
});
