import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_RANGES, endingOf, reconnectDelayMs } from "../../src/socket/reconnect";

const ALMOST_ONE = 0.999_999_999;

/** The shortest and the longest wait before an attempt. */
function waits(attempt: number, code: number): number[] {
  return [0, ALMOST_ONE].map((random) => Math.round(reconnectDelayMs(attempt, random, code, DEFAULT_RANGES)));
}

describe("the wait before the next attempt", () => {
  it.each([1001, 1012, 1013])("is spread widely after code %i, with which many are lost at once", (code) => {
    expect(waits(0, code)).toEqual([500, 20_000]);
  });

  it.each([1006, 1011, 4408])("is short after code %i", (code) => {
    expect(waits(0, code)).toEqual([250, 5_000]);
  });

  it("doubles with each failed attempt, up to the longest", () => {
    expect([1, 2, 3].map((attempt) => waits(attempt, 1006))).toEqual([
      [500, 10_000],
      [1_000, 20_000],
      [2_000, 30_000],
    ]);
    expect(waits(1_000, 1006)).toEqual([15_000, 30_000]);
    expect(waits(1_000, 1012)).toEqual([15_000, 30_000]);
  });

  it("is in the ranges of the server", () => {
    const ranges = { restart_ms: [10, 20], lost_ms: [0, 1], longest_ms: 15 } as const;
    expect(reconnectDelayMs(0, 0.5, 1012, ranges)).toBe(12.5);
    expect(reconnectDelayMs(0, 0.5, 1006, ranges)).toBe(0.5);
  });

  it("is never a tight loop, and never in step", () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), chance, fc.constantFrom(1006, 1012), (attempt, random, code) => {
        const delay = reconnectDelayMs(attempt, random, code, DEFAULT_RANGES);
        expect(delay).toBeGreaterThanOrEqual(250);
        expect(delay).toBeLessThanOrEqual(30_000);
        const [shortest = 0, longest = 0] = waits(attempt, code);
        expect(longest).toBeGreaterThanOrEqual(1.5 * shortest);
      }),
    );
  });
});

describe("the end of a connection", () => {
  it.each([
    [1000, "reconnect"],
    [1001, "reconnect"],
    [1002, "stop"],
    [1006, "reconnect"],
    [1007, "stop"],
    [1008, "stop"],
    [1009, "stop"],
    [1011, "reconnect"],
    [1012, "reconnect"],
    [1013, "reconnect"],
    [4401, "log in again"],
    [4403, "stop"],
    [4408, "reconnect"],
    [4409, "stop"],
    [4410, "reconnect"],
    [4429, "stop"],
    [4430, "stop"],
  ])("with code %i and no reason: %s", (code, action) => {
    expect(endingOf(code, "")).toEqual({ code, action, words: "" });
  });

  it.each([
    [4999, "stop: no more", "stop", "no more"],
    [4999, "log in again: the token ended", "log in again", "the token ended"],
    [4429, "reconnect: try another process", "reconnect", "try another process"],
    [4429, "stop", "stop", ""],
    [4429, "stopped by the operator", "stop", "stopped by the operator"],
    [4999, "stopped by the operator", "reconnect", "stopped by the operator"],
  ])("with code %i and the reason '%s': %s", (code, reason, action, words) => {
    expect(endingOf(code, reason)).toEqual({ code, action, words });
  });
});
