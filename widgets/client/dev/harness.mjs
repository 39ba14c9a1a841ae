// Development harness: the built widgets against a synthetic market, without Django, Redis or a feed.
//
//   npm run build && npm run harness -- [--port 8100] [--hertz 4] [--changed 0.3] [--rows 500]
//
// It speaks docs/protocol.md and sends the content security policy of the real site. While it runs:
//   GET /control/gap      withholds the next frame of each feed (the page must resync)
//   GET /control/state/N  reports state N of docs/protocol.md;   GET /control/state/live ends that
//   GET /control/pause    sends no more data;   GET /control/resume ends that
//   GET /control/close/N  closes every socket with code N
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { ALERT_COLUMNS, ALERT_LIMIT, BOARD_FEEDS, SyntheticMarket } from "./synthetic-board.mjs";
import { tableDifference } from "./table-difference.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    hertz: { type: "string", default: "4" },
    changed: { type: "string", default: "0.3" },
    rows: { type: "string", default: "500" },
  },
});

const here = fileURLToPath(new URL(".", import.meta.url));
const staticRoot = join(here, "../../static/widgets");
const market = new SyntheticMarket(2 * Number(options.rows), Number(options.rows));
const epoch = String(BigInt(Date.now()) * 1_000_000n);
// socket → Map(feed → { wish, everyTicks, seq, rows as last sent; of alerts, how many were sent })
const sockets = new Map();
let ticks = 0; // the position of all feeds
let withholding = false;
let state = "live";
let paused = false;

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html" };

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://harness").pathname);
  if (path.startsWith("/control/")) return void response.end(control(...path.split("/").slice(2)));
  if (path === "/") return void sendPage(response);
  if (path === "/socket-token/") return void response.end('{"subprotocol":"mdp.token.renewed"}');
  try {
    const body = await readFile(join(staticRoot, path.replace("/static/widgets/", "/")));
    response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});

async function sendPage(response) {
  const manifest = JSON.parse(await readFile(join(staticRoot, "manifest.json"), "utf8"));
  const tags = ["src/site.ts", "src/main.ts"].flatMap((entry) => [
    ...(manifest[entry].css ?? []).map((file) => `<link rel="stylesheet" href="/static/widgets/${file}">`),
    `<script type="module" src="/static/widgets/${manifest[entry].file}"></script>`,
  ]);
  const nonce = randomBytes(16).toString("base64");
  const page = await readFile(join(here, "page.html"), "utf8");
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.setHeader(
    "Content-Security-Policy",
    `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; connect-src 'self'`,
  );
  response.end(page.replace("<!-- assets -->", tags.join("\n    ")).replaceAll("{{ nonce }}", nonce));
}

function control(action, argument) {
  if (action === "gap") withholding = true;
  else if (action === "state" && argument) state = argument;
  else if (action === "pause" || action === "resume") paused = action === "pause";
  else if (action === "close") for (const socket of sockets.keys()) socket.close(Number(argument));
  else return "unknown action; see the head of harness.mjs\n";
  broadcastStatus();
  return "done\n";
}

const webSockets = new WebSocketServer({ server, path: "/ws/", handleProtocols: () => "mdp.v2" });
webSockets.on("connection", (socket) => {
  sockets.set(socket, new Map());
  socket.on("close", () => sockets.delete(socket));
  socket.on("message", (data) => answer(socket, JSON.parse(String(data))));
  send(socket, {
    type: "welcome",
    protocol: "mdp.v2",
    server: "harness",
    server_time_ms: Date.now(),
    user: "demo",
    feeds: [...BOARD_FEEDS, ...Object.keys(ALERT_COLUMNS), "quote:{symbol}"],
    limits: { feeds_per_message: 200 },
    reconnect: { restart_ms: [500, 5_000], lost_ms: [250, 2_000], longest_ms: 10_000 },
  });
  send(socket, statusMessage());
});

function answer(socket, message) {
  if (message.type === "ping") send(socket, { type: "pong", id: message.id });
  for (const entry of message.feeds ?? []) {
    const { feed, ...wish } = typeof entry === "string" ? { feed: entry } : entry;
    const subscribed = sockets.get(socket);
    if (message.type === "unsubscribe") {
      subscribed.delete(feed);
      send(socket, { type: "unsubscribed", feed });
    } else if (message.type === "resync") sendSnapshot(socket, feed, subscribed.get(feed)?.wish ?? {});
    else sendSnapshot(socket, feed, wish);
  }
}

/** All columns of a feed, and its rows: of alerts those from the index `start` on. `null` for an unknown feed. */
function tableOf(feed, start = 0) {
  const columns = ALERT_COLUMNS[feed] ?? market.columns;
  const rows = feed in market.alerts ? market.alerts[feed].slice(start) : market.rows(feed);
  return rows && { columns, rows };
}

/** The table with the chosen columns. */
function chosen({ columns, rows }, wish) {
  if (wish.columns === undefined) return { columns, rows };
  const picked = columns.flatMap((name, index) => (wish.columns.includes(name) ? [index] : []));
  return {
    columns: picked.map((index) => columns[index]),
    rows: rows.map((row) => [row[0], ...picked.map((index) => row[index + 1])]),
  };
}

/** The harness keeps no frames, so it answers every position with a snapshot. */
function sendSnapshot(socket, feed, wish) {
  const table = tableOf(feed);
  if (table === null) {
    send(socket, { type: "error", code: "unknown_feed", feed, message: `There is no feed ${feed}.` });
    return;
  }
  const { columns, rows } = chosen(table, wish);
  const everyTicks = Math.max(1, Math.round(Number(options.hertz) / (wish.hz ?? 4)));
  const list = feed in market.alerts;
  sockets.get(socket).set(feed, { wish, everyTicks, seq: ticks, rows: list ? table.rows.length : rows });
  const newest = list ? { rows: rows.slice(-ALERT_LIMIT), limit: ALERT_LIMIT } : { rows };
  send(socket, { type: "snapshot", ...head(feed), hz: wish.hz ?? 4, columns, ...newest });
}

function head(feed) {
  return { feed, epoch, seq: ticks, age_ms: 80, market_time_ms: market.timeMs };
}

function tick() {
  if (paused) return;
  market.step(Number(options.changed));
  ticks += 1;
  for (const [socket, subscribed] of sockets) {
    for (const [feed, subscription] of subscribed) {
      if (ticks - subscription.seq >= subscription.everyTicks) sendChange(socket, feed, subscription);
    }
  }
  withholding = false;
}

function sendChange(socket, feed, subscription) {
  const prev = subscription.seq;
  subscription.seq = ticks;
  const list = feed in market.alerts;
  const { rows } = chosen(tableOf(feed, list ? subscription.rows : 0), subscription.wish);
  const change = list
    ? { type: "alert", rows: rows.slice(-ALERT_LIMIT) }
    : { type: "delta", ...tableDifference(subscription.rows, rows) };
  subscription.rows = list ? subscription.rows + rows.length : rows;
  if (!withholding) send(socket, { ...change, ...head(feed), prev });
}

function statusMessage() {
  const opens_ms = state === "market_closed" ? market.timeMs + 3_600_000 : null;
  return {
    type: "status",
    state,
    age_ms: state === "live" ? 80 : 30_000,
    detail: "",
    opens_ms,
    feed_delay_ms: 0,
    lost_events: 0,
    conflated: 0,
  };
}

function broadcastStatus() {
  for (const socket of sockets.keys()) send(socket, statusMessage());
}

function send(socket, message) {
  socket.send(JSON.stringify(message));
}

setInterval(tick, 1000 / Number(options.hertz));
setInterval(broadcastStatus, 5000);
server.listen(Number(options.port), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/ with ${BOARD_FEEDS.join(", ")}\n`);
});
