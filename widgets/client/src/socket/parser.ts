/** The parser of the server's frames (docs/protocol.md). */
import {
  type Cells,
  type Delta,
  type FeedMessage,
  MAX_FEEDS_IN_MESSAGE,
  type ReconnectRanges,
  type Row,
  type Run,
  type ServerMessage,
  type Snapshot,
  type Status,
  type WaitRange,
  type Welcome,
} from "./messages";

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
      return parseWelcome(fields);
    case "snapshot":
      return parseSnapshot(fields);
    case "delta":
      return parseDelta(fields);
    case "alert":
    case "append":
      return { type: fields["type"], ...changeHead(fields), rows: rows(fields) };
    case "document":
      return { type: "document", ...frameHead(fields), document: object(fields, "document") };
    case "resumed":
      return { type: "resumed", ...frameHead(fields) };
    case "unsubscribed":
      return { type: "unsubscribed", feed: text(fields, "feed") };
    case "status":
      return parseStatus(fields);
    case "error":
      return {
        type: "error",
        code: text(fields, "code"),
        feed: optionalText(fields, "feed"),
        message: text(fields, "message"),
      };
    case "pong":
      return { type: "pong", id: optionalNumber(fields, "id") };
    default:
      throw new ProtocolError(`type: unknown message type ${JSON.stringify(fields["type"])}`);
  }
}

function parseWelcome(fields: Fields): Welcome {
  const limits = optionalObject(fields, "limits");
  return {
    type: "welcome",
    user: text(fields, "user"),
    server: text(fields, "server"),
    feedsPerMessage: Math.max(1, optionalNumber(limits, "feeds_per_message") ?? MAX_FEEDS_IN_MESSAGE),
    reconnect: parseRanges(optionalObject(fields, "reconnect")),
  };
}

/** The ranges of a welcome; `null` if one is missing or no range: then the client has its own. */
function parseRanges({ restart_ms, lost_ms, longest_ms }: Fields): ReconnectRanges | null {
  if (!isWaitRange(restart_ms) || !isWaitRange(lost_ms) || !isTime(longest_ms)) return null;
  return { restart_ms, lost_ms, longest_ms };
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
    market_time_ms: optionalNumber(fields, "market_time_ms"),
    columns,
    rows: parsed,
    limit: optionalNumber(fields, "limit"),
    off: fields["off"] === undefined ? [] : texts(fields, "off"),
    partial: times(optionalObject(fields, "partial")),
  };
}

function parseDelta(fields: Fields): Delta {
  return {
    type: "delta",
    ...changeHead(fields),
    rows: rows(fields),
    cells: cells(fields),
    order: order(fields),
  };
}

function parseStatus(fields: Fields): Status {
  return {
    type: "status",
    state: text(fields, "state"),
    age_ms: optionalNumber(fields, "age_ms"),
    detail: optionalText(fields, "detail") ?? "",
    opens_ms: optionalNumber(fields, "opens_ms"),
    feed_delay_ms: optionalNumber(fields, "feed_delay_ms"),
    lost_events: optionalNumber(fields, "lost_events") ?? 0,
    conflated: optionalNumber(fields, "conflated") ?? 0,
    banner: optionalText(fields, "banner") ?? "",
  };
}

function frameHead(fields: Fields) {
  return {
    feed: text(fields, "feed"),
    epoch: text(fields, "epoch"),
    seq: integer(fields, "seq"),
    age_ms: optionalNumber(fields, "age_ms"),
  };
}

function changeHead(fields: Fields) {
  return {
    ...frameHead(fields),
    prev: integer(fields, "prev"),
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
  if (!isObject(value)) throw new ProtocolError("frame: expected a JSON object");
  return value;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new ProtocolError(`${name}: expected a string`);
  return value;
}

function optionalText(fields: Fields, name: string): string | null {
  const value = fields[name];
  return typeof value === "string" ? value : null;
}

function texts(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string")) {
    throw new ProtocolError(`${name}: expected a list of strings`);
  }
  return value;
}

function integer(fields: Fields, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value)) throw new ProtocolError(`${name}: expected an integer`);
  return value as number;
}

function optionalNumber(fields: Fields, name: string): number | null {
  const value = fields[name] ?? null;
  if (value !== null && typeof value !== "number") {
    throw new ProtocolError(`${name}: expected a number or null`);
  }
  return value;
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (!isObject(value)) throw new ProtocolError(`${name}: expected an object`);
  return value;
}

/** The object of a field; without fields if there is none. */
function optionalObject(fields: Fields, name: string): Fields {
  const value = fields[name];
  return isObject(value) ? value : {};
}

/** The times of an object by name. A member that is no time is ignored. */
function times(fields: Fields): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [name, value] of Object.entries(fields)) if (isTime(value)) found.set(name, value);
  return found;
}

function rows(fields: Fields): readonly Row[] {
  const value = fields["rows"];
  if (!Array.isArray(value) || !value.every(isRow)) {
    throw new ProtocolError("rows: expected lists of a symbol and numbers or nulls");
  }
  return value;
}

function cells(fields: Fields): readonly Cells[] {
  const value = fields["cells"];
  if (!Array.isArray(value) || !value.every((entry) => Array.isArray(entry) && areValues(entry, 0))) {
    throw new ProtocolError("cells: expected lists of a place, masks, and numbers or nulls");
  }
  return value;
}

function order(fields: Fields): Delta["order"] {
  const value = fields["order"] ?? null;
  if (value === null) return null;
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string" || isRun(entry))) {
    throw new ProtocolError("order: expected a list of symbols and [start, count]");
  }
  return value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRow(value: unknown): value is Row {
  return Array.isArray(value) && typeof value[0] === "string" && areValues(value, 1);
}

function isRun(value: unknown): value is Run {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger);
}

function isWaitRange(value: unknown): value is WaitRange {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [shortest, longest]: unknown[] = value;
  return isTime(shortest) && isTime(longest) && shortest <= longest;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

/** Whether all entries from the index `start` on are values. A loop, because most of a frame is read by it. */
function areValues(entries: readonly unknown[], start: number): boolean {
  for (let index = start; index < entries.length; index += 1) {
    if (entries[index] !== null && typeof entries[index] !== "number") return false;
  }
  return true;
}

/** Whether a message is a frame of a feed. Only these have a position. */
export function isFeedMessage(message: ServerMessage): message is FeedMessage {
  return "seq" in message;
}

/** Whether each row has a symbol and `columnCount` values. */
export function rowsFit(rows: readonly Row[], columnCount: number): boolean {
  return rows.every((row) => row.length === columnCount + 1);
}
