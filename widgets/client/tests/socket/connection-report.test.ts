import { describe, expect, it } from "vitest";
import {
  type ConnectionFacts,
  describeConnection,
  type StateTexts,
} from "../../src/socket/connection-report";
import type { Status } from "../../src/socket/messages";
import { endingOf } from "../../src/socket/reconnect";

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
  lost_events: 0,
  conflated: 0,
  banner: "",
};
const SUNDAY_BEFORE_OPEN = Date.UTC(2026, 10, 23, 9, 0);

const OPEN: ConnectionFacts = {
  phase: "open",
  failedAttempts: 0,
  retryAtMs: null,
  ending: null,
  outdated: false,
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
      { phase: "stopped", ending: endingOf(4401, "") },
      1_000,
      "fault",
      "Logged out",
      "The session ended. Log in again to go on.",
    ],
  ])("%s", (_name, facts, now, alarm, label, detail) => {
    expect(describeConnection({ ...OPEN, ...facts }, now, STATES)).toMatchObject({ alarm, label, detail });
  });

  it.each<[string, Partial<Status>, boolean, string[]]>([
    ["nothing of a server that loses nothing", {}, false, []],
    ["by how much the feed is late", { feed_delay_ms: 900_000 }, false, ["Delayed 15 min"]],
    ["what the platform lost", { lost_events: 7 }, false, ["Events lost"]],
    ["what this client did not take", { conflated: 3 }, false, ["Slow reader"]],
    ["that the page is older than the server", {}, true, ["Reload for update"]],
    [
      "all of these, in every state of the data",
      { state: "refused", feed_delay_ms: 900_000, lost_events: 1, conflated: 1 },
      true,
      ["Delayed 15 min", "Events lost", "Slow reader", "Reload for update"],
    ],
  ])("says quietly %s", (_name, fields, outdated, notes) => {
    const report = describeConnection({ ...OPEN, status: { ...LIVE, ...fields }, outdated }, 1_000, STATES);
    expect(report.notes.map(({ words }) => words)).toEqual(notes);
  });

  it("says how much was lost or replaced", () => {
    const status = { ...LIVE, lost_events: 1_234, conflated: 56 };
    const [lost, conflated] = describeConnection({ ...OPEN, status }, 1_000, STATES).notes;
    expect(lost?.meaning).toContain("1234");
    expect(conflated?.meaning).toContain("56");
  });

  it.each([
    [4429, "stop: too many connections of this user", "Close some"],
    [4403, "stop: the user may no longer see market data", "may no longer see"],
    [4430, "stop: too many messages", "The server ended the connection: too many messages. Reload the page."],
    [1009, "", "The server ended the connection. Reload the page."],
  ])("says what to do after code %i, where coming back needs a person", (code, reason, detail) => {
    const facts: ConnectionFacts = { ...OPEN, phase: "stopped", ending: endingOf(code, reason) };
    expect(describeConnection(facts, 0, STATES)).toMatchObject({
      alarm: "fault",
      label: "Disconnected",
      detail: expect.stringContaining(detail),
      loggedOut: false,
    });
  });
});
