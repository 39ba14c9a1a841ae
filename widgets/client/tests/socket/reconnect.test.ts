import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reconnectDelayMs, stopReason } from "../../src/socket/reconnect";

describe("the wait before the next attempt", () => {
  it("doubles from half a second and ends at twenty", () => {
    const delays = [0, 1, 2, 3, 10, 1000].map((attempt) => reconnectDelayMs(attempt, 0.999_999));
    expect(delays.map(Math.round)).toEqual([500, 1000, 2000, 4000, 20_000, 20_000]);
  });

  it("is spread over the upper half, so that it is never a tight loop and never in step", () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), chance, (attempt, random) => {
        const delay = reconnectDelayMs(attempt, random);
        expect(delay).toBeGreaterThanOrEqual(250);
        expect(delay).toBeLessThanOrEqual(20_000);
        expect(delay).toBeGreaterThanOrEqual(reconnectDelayMs(attempt, 0));
      }),
    );
  });
});

it.each([
  [4401, "logged_out"],
  [4409, "message_too_large"],
  [4429, "too_many_connections"],
  [1000, null],
  [1001, null],
  [1006, null],
  [1011, null],
  [1012, null],
  [4408, null],
])("close code %i: %s", (code, reason) => {
  expect(stopReason(code)).toBe(reason);
});
