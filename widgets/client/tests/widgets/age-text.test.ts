import { describe, expect, it } from "vitest";
import { CONNECTING } from "../../src/socket/connection-report";
import { ageText } from "../../src/widgets/leaderboard/age-text";

const LIVE = { ...CONNECTING, alarm: "none", label: "Live" } as const;
const QUIET = { ...CONNECTING, alarm: "calm", label: "Quiet" } as const;

describe("the age in a board's head", () => {
  it.each([
    ["never contradicts a page that is live", LIVE, 30_000, ""],
    ["is shown while the page is not live", CONNECTING, 30_000, "30 s old"],
    ["is shown when nothing is due, too", QUIET, 30_000, "30 s old"],
    ["is not shown for young data", CONNECTING, 5_000, ""],
    ["is not shown where it is unknown", CONNECTING, null, ""],
  ])("%s", (_name, report, ageMs, text) => {
    expect(ageText(ageMs, report)).toBe(text);
  });
});
