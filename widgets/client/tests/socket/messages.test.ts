import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError, parseServerMessage } from "../../src/socket/messages";
import { alert, delta, snapshot } from "./builders";

describe("a frame's text becomes a message", () => {
  it.each([
    snapshot(),
    snapshot({ limit: 200 }),
    alert(2, [["AAA", 1, null]]),
    delta(2, [["BBB", 1, null]], ["AAA"]),
    delta(2, [], [], "e1", ["BBB", "AAA"]),
    { type: "unsubscribed", feed: "quote:AAPL" },
    {
      type: "status",
      state: "market_closed",
      age_ms: 12_000,
      detail: "It is night.",
      opens_ms: 1_795_424_400_000,
      feed_delay_ms: 900_000,
    },
    { type: "error", code: "unknown_feed", feed: "scanners:nope", message: "no such feed" },
    { type: "pong", id: 7 },
  ])("keeps every field of $type", (message) => {
    expect(parseServerMessage(JSON.stringify(message))).toEqual(message);
  });

  it("reads the welcome and leaves alone what it does not know", () => {
    const frame = { type: "welcome", protocol: "mdp.v2", server_time_ms: 1, user: "demo", later: {} };
    expect(parseServerMessage(JSON.stringify(frame))).toEqual({ type: "welcome", user: "demo" });
  });

  it("keeps zero apart from absent", () => {
    const message = parseServerMessage(JSON.stringify(snapshot({ rows: [["AAA", 0, null]] })));
    expect(message).toMatchObject({ rows: [["AAA", 0, null]] });
  });
});

describe("anything else is refused with the field that is wrong", () => {
  it.each([
    ["not JSON", "{", /frame: not JSON/],
    ["a list", "[]", /expected a JSON object/],
    ["an unknown type", '{"type":"rumour"}', /unknown message type "rumour"/],
    ["a fractional sequence", JSON.stringify({ ...delta(1), seq: 1.5 }), /seq/],
    ["a text where a number belongs", JSON.stringify({ ...delta(1), rows: [["AAA", "1", 2]] }), /rows/],
    ["an order that is no list", JSON.stringify({ ...delta(1), order: "AAA" }), /order/],
    ["a row without symbol", JSON.stringify({ ...delta(1), rows: [[1, 2]] }), /rows/],
    [
      "a row that does not fit the columns",
      JSON.stringify(snapshot({ rows: [["AAA", 1]] })),
      /expected 3 entries/,
    ],
    ["a state that is no text", '{"type":"status","state":7}', /state: expected a string/],
    ["bytes", new ArrayBuffer(2), /expected text/],
  ])("%s", (_name, frame, complaint) => {
    expect(() => parseServerMessage(frame)).toThrow(ProtocolError);
    expect(() => parseServerMessage(frame)).toThrow(complaint);
  });

  it("never fails in another way, whatever arrives", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (frame) => {
        try {
          parseServerMessage(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
