import { describe, expect, it } from "vitest";
import { type ConnectionFacts, describeConnection } from "../../src/socket/connection-report";

const OPEN: ConnectionFacts = {
  phase: "open",
  failedAttempts: 0,
  retryAtMs: null,
  stopReason: null,
  status: { type: "status", state: "live", age_ms: 10, detail: "" },
  lastMessageAtMs: 1_000,
};

describe("what a person is told", () => {
  it.each<[string, Partial<ConnectionFacts>, number, string, string]>([
    ["the first attempt", { phase: "connecting", status: null }, 1_000, "connecting", ""],
    ["open, nothing said yet", { status: null }, 1_000, "connecting", ""],
    ["open and live", {}, 1_000, "live", ""],
    [
      "the server says stale",
      { status: { type: "status", state: "stale", age_ms: 9_000, detail: "The feed is silent." } },
      1_000,
      "stale",
      "The feed is silent.",
    ],
    ["the server says nothing any more", {}, 14_000, "stale", "The server has gone silent."],
    [
      "between attempts",
      { phase: "waiting", failedAttempts: 2, retryAtMs: 3_500 },
      1_000,
      "offline",
      "Reconnecting in 3 s.",
    ],
    ["a later attempt", { phase: "connecting", failedAttempts: 2 }, 1_000, "offline", "Reconnecting."],
    [
      "logged out",
      { phase: "stopped", stopReason: "logged_out" },
      1_000,
      "logged_out",
      "The session ended. Log in again to go on.",
    ],
  ])("%s", (_name, facts, now, state, detail) => {
    expect(describeConnection({ ...OPEN, ...facts }, now)).toMatchObject({ state, detail });
  });

  it("says what to do where coming back needs a person", () => {
    const report = describeConnection({ ...OPEN, phase: "stopped", stopReason: "too_many_connections" }, 0);
    expect(report).toMatchObject({ state: "stopped", detail: expect.stringContaining("Close some") });
  });
});
