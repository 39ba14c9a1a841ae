/**
 * The messages of docs/protocol.md (`mdp.v2`) as types, and the parser of frames.
 *
 * Names of times end in `_ms`, as in the frames. A row is a symbol followed by one value for each column. `null`
 * means that a value is absent, which is not the same as zero.
 */

export const SUBPROTOCOL = "mdp.v2";
/** The server refuses messages with more feeds. */
export const MAX_FEEDS_IN_MESSAGE = 200;

export type Value = number | null;
export type Row = readonly [symbol: string, ...values: Value[]];

export interface Welcome {
  readonly type: "welcome";
  readonly user: string;
}

export interface Snapshot {
  readonly type: "snapshot";
  readonly feed: string;
  readonly epoch: string;
  readonly seq: number;
  readonly age_ms: number | null;
  readonly market_time_ms: number | null;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** The maximum number of rows of a feed of events, oldest first; `null` for a feed with one row per symbol. */
  readonly limit: number | null;
}

/** Rows to append to a feed of events: alerts or trades. */
export interface Append {
  readonly type: "alert" | "append";
  readonly feed: string;
  readonly epoch: string;
  readonly seq: number;
  readonly age_ms: number | null;
  readonly market_time_ms: number | null;
  readonly rows: readonly Row[];
}

export interface Delta {
  readonly type: "delta";
  readonly feed: string;
  readonly epoch: string;
  readonly seq: number;
  readonly age_ms: number | null;
  readonly market_time_ms: number | null;
  readonly rows: readonly Row[];
  readonly removed: readonly string[];
  /** All symbols in their order, if the order changed; otherwise `null`. */
  readonly order: readonly string[] | null;
}

export interface Unsubscribed {
  readonly type: "unsubscribed";
  readonly feed: string;
}

export interface Status {
  readonly type: "status";
  /** The state of the data: `live`, or the reason why it is not. A newer server may send further states. */
  readonly state: string;
  readonly age_ms: number | null;
  readonly detail: string;
  /** The opening time of a closed market, in market time; `null` if it is unknown or the market is not closed. */
  readonly opens_ms: number | null;
  /** The delay of the provider's feed by its plan. */
  readonly feed_delay_ms: number | null;
}

export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly feed: string | null;
  readonly message: string;
}

export interface Pong {
  readonly type: "pong";
  readonly id: number | null;
}

/** A frame of a feed: its whole state, or a change. */
export type FeedMessage = Snapshot | Delta | Append;

export type ServerMessage = Welcome | FeedMessage | Unsubscribed | Status | ErrorMessage | Pong;

export type ClientMessage =
  | { readonly type: "subscribe" | "unsubscribe" | "resync"; readonly feeds: readonly string[] }
  | { readonly type: "ping"; readonly id: number };

/** The error for a frame that is not a message of the protocol. `message` names the wrong field. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The message in a text frame.
 *
 * Throws `ProtocolError` if the frame is not a message. Unknown fields are ignored, so that a newer server may add
 * fields.
 */
export function parseServerMessage(frame: unknown): ServerMessage {
  const fields = parseObject(frame);
  switch (fields["type"]) {
    case "welcome":
      return { type: "welcome", user: text(fields, "user") };
    case "snapshot":
      return parseSnapshot(fields);
    case "delta":
      return parseDelta(fields);
    case "alert":
    case "append":
      return { type: fields["type"], ...frameHead(fields), rows: rows(fields) };
    case "unsubscribed":
      return { type: "unsubscribed", feed: text(fields, "feed") };
    case "status":
      return parseStatus(fields);
    case "error":
      return {
        type: "error",
        code: text(fields, "code"),
        feed: typeof fields["feed"] === "string" ? fields["feed"] : null,
        message: text(fields, "message"),
      };
    case "pong":
      return { type: "pong", id: optionalNumber(fields, "id") };
    default:
      throw new ProtocolError(`type: unknown message type ${JSON.stringify(fields["type"])}`);
  }
}

/** Whether a message is a frame of a feed. Only these have a sequence number. */
export function isFeedMessage(message: ServerMessage): message is FeedMessage {
  return "seq" in message;
}

/** Whether each row has a symbol and `columnCount` values. */
export function rowsFit(rows: readonly Row[], columnCount: number): boolean {
  return rows.every((row) => row.length === columnCount + 1);
}

function parseSnapshot(fields: Fields): Snapshot {
  const columns = texts(fields, "columns");
  const parsed = rows(fields);
  if (!rowsFit(parsed, columns.length)) {
    throw new ProtocolError(`rows: expected ${columns.length + 1} entries in each row`);
  }
  return {
    type: "snapshot",
    ...frameHead(fields),
    columns,
    rows: parsed,
    limit: optionalNumber(fields, "limit"),
  };
}

function parseDelta(fields: Fields): Delta {
  const order = (fields["order"] ?? null) === null ? null : texts(fields, "order");
  return {
    type: "delta",
    ...frameHead(fields),
    rows: rows(fields),
    removed: texts(fields, "removed"),
    order,
  };
}

function parseStatus(fields: Fields): Status {
  return {
    type: "status",
    state: text(fields, "state"),
    age_ms: optionalNumber(fields, "age_ms"),
    detail: typeof fields["detail"] === "string" ? fields["detail"] : "",
    opens_ms: optionalNumber(fields, "opens_ms"),
    feed_delay_ms: optionalNumber(fields, "feed_delay_ms"),
  };
}

function frameHead(fields: Fields) {
  const seq = fields["seq"];
  if (!Number.isSafeInteger(seq)) throw new ProtocolError("seq: expected an integer");
  return {
    feed: text(fields, "feed"),
    epoch: text(fields, "epoch"),
    seq: seq as number,
    age_ms: optionalNumber(fields, "age_ms"),
    market_time_ms: optionalNumber(fields, "market_time_ms"),
  };
}

function parseObject(frame: unknown): Fields {
  if (typeof frame !== "string") throw new ProtocolError("frame: expected text");
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    throw new ProtocolError("frame: not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError("frame: expected a JSON object");
  }
  return value as Fields;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new ProtocolError(`${name}: expected a string`);
  return value;
}

function texts(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string")) {
    throw new ProtocolError(`${name}: expected a list of strings`);
  }
  return value;
}

function optionalNumber(fields: Fields, name: string): number | null {
  const value = fields[name] ?? null;
  if (value !== null && typeof value !== "number") {
    throw new ProtocolError(`${name}: expected a number or null`);
  }
  return value;
}

function rows(fields: Fields): readonly Row[] {
  const value = fields["rows"];
  if (!Array.isArray(value) || !value.every(isRow)) {
    throw new ProtocolError("rows: expected lists of a symbol and numbers or nulls");
  }
  return value;
}

function isRow(value: unknown): value is Row {
  if (!Array.isArray(value) || typeof value[0] !== "string") return false;
  for (let index = 1; index < value.length; index += 1) {
    if (value[index] !== null && typeof value[index] !== "number") return false;
  }
  return true;
}
