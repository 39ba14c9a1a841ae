import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError, parseServerMessage } from "../../src/socket/parser";
import { alert, delta, resumed, snapshot } from "./builders";

describe("a frame's text becomes a message", () => {
  it.each([
    snapshot(),
    snapshot({ limit: 200 }),
    alert(2, [["AAA", 1, null]]),
    delta(2, { cells: [[0, 3, 1.5, null]], rows: [["BBB", 1, null]], order: ["BBB", [0, 1]] }),
    delta(2, { order: [] }),
    delta(2, { cells: [[0, 1, 7]] }),
    resumed(3),
    { type: "document", feed: "operations", epoch: "1.0", seq: 2, age_ms: null, document: { verdict: {} } },
    { type: "unsubscribed", feed: "quote:AAPL" },
    {
      type: "status",
      state: "market_closed",
      age_ms: 12_000,
      detail: "It is night.",
      opens_ms: 1_795_424_400_000,
      feed_delay_ms: 900_000,
      lost_events: 12,
      conflated: 3,
      banner: "Maintenance at 18:00",
    },
    { type: "error", code: "unknown_feed", feed: "scanners:nope", message: "no such feed" },
    { type: "pong", id: 7 },
  ])("keeps every field of $type", (message) => {
    expect(parseServerMessage(JSON.stringify(message))).toEqual(message);
  });

  it("reads which columns are off, and since when others count", () => {
    const frame = { ...snapshot(), off: ["close"], partial: { volume: 5, close: "later" } };
    expect(parseServerMessage(JSON.stringify(frame))).toEqual(
      snapshot({ off: ["close"], partial: new Map([["volume", 5]]) }),
    );
  });

  it("reads the welcome and leaves alone what it does not know", () => {
    const reconnect = { restart_ms: [500, 20_000], lost_ms: [250, 5_000], longest_ms: 30_000 };
    const frame = {
      type: "welcome",
      protocol: "mdp.v2",
      server: "0.1.0",
      user: "demo",
      limits: { feeds_per_message: 100, later: 1 },
      reconnect,
      later: {},
    };
    const welcome = { type: "welcome", user: "demo", server: "0.1.0", feedsPerMessage: 100, reconnect };
    expect(parseServerMessage(JSON.stringify(frame))).toEqual(welcome);
  });

  it.each([
    ["no ranges", undefined],
    ["a range that ends before it begins", { restart_ms: [9, 1], lost_ms: [0, 1], longest_ms: 5 }],
    ["a range that is none", { restart_ms: [1, 2], lost_ms: 7, longest_ms: 5 }],
    ["a negative wait", { restart_ms: [1, 2], lost_ms: [-1, 1], longest_ms: 5 }],
    ["no longest wait", { restart_ms: [1, 2], lost_ms: [0, 1] }],
  ])("takes no ranges of a welcome with %s", (_name, reconnect) => {
    const frame = { type: "welcome", server: "0.1.0", user: "demo", reconnect };
    expect(parseServerMessage(JSON.stringify(frame))).toMatchObject({
      reconnect: null,
      feedsPerMessage: 200,
    });
  });

  it("reads a status of a server that counts nothing", () => {
    const message = parseServerMessage('{"type":"status","state":"live","age_ms":1}');
    expect(message).toMatchObject({ detail: "", lost_events: 0, conflated: 0 });
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
    ["a change that follows nothing", JSON.stringify({ ...delta(1), prev: undefined }), /prev/],
    ["a text where a number belongs", JSON.stringify({ ...delta(1), rows: [["AAA", "1", 2]] }), /rows/],
    ["a text among cells", JSON.stringify({ ...delta(1), cells: [[0, 1, "7"]] }), /cells/],
    ["cells that are no list", JSON.stringify({ ...delta(1), cells: {} }), /cells/],
    ["a run of three numbers", JSON.stringify({ ...delta(1), order: [[0, 1, 2]] }), /order/],
    ["a run with a fraction", JSON.stringify({ ...delta(1), order: [[0, 1.5]] }), /order/],
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
