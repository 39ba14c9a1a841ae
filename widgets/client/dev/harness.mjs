// Development harness: the built widgets against a synthetic market, without Django, Redis or a feed.
//
//   npm run build && npm run harness -- [--port 8100] [--hertz 4] [--changed 0.3] [--rows 500]
//
// It speaks docs/protocol.md and sends the content security policy of the real site. While it runs:
//   GET /control/gap      skips a sequence number of each feed (the page must resync)
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
const sockets = new Map(); // socket → Map(feed → rows as last sent, by symbol; of alerts, how many were sent)
const sequence = new Map(); // feed → number of the newest frame
let state = "live";
let paused = false;

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html" };

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://harness").pathname);
  if (path.startsWith("/control/")) return void response.end(control(...path.split("/").slice(2)));
  if (path === "/") return void sendPage(response);
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
  if (action === "gap") for (const feed of sequence.keys()) sequence.set(feed, sequence.get(feed) + 1);
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
  send(socket, { type: "welcome", protocol: "mdp.v2", server_time_ms: Date.now(), user: "demo" });
  send(socket, statusMessage());
});

function answer(socket, message) {
  if (message.type === "ping") send(socket, { type: "pong", id: message.id });
  for (const feed of message.feeds ?? []) {
    if (message.type === "unsubscribe") {
      sockets.get(socket).delete(feed);
      send(socket, { type: "unsubscribed", feed });
    } else sendSnapshot(socket, feed);
  }
}

function sendSnapshot(socket, feed) {
  if (feed in market.alerts) {
    const rows = market.alerts[feed];
    sockets.get(socket).set(feed, rows.length);
    const newest = rows.slice(-ALERT_LIMIT);
    send(socket, {
      type: "snapshot",
      ...head(feed),
      columns: ALERT_COLUMNS[feed],
      rows: newest,
      limit: ALERT_LIMIT,
    });
    return;
  }
  const rows = market.rows(feed);
  if (rows === null) {
    send(socket, { type: "error", code: "unknown_feed", feed, message: `There is no feed ${feed}.` });
    return;
  }
  sockets.get(socket).set(feed, new Map(rows.map((row) => [row[0], JSON.stringify(row)])));
  send(socket, { type: "snapshot", ...head(feed), columns: market.columns, rows });
}

function head(feed) {
  return { feed, epoch, seq: sequence.get(feed) ?? 0, age_ms: 80, market_time_ms: market.timeMs };
}

function tick() {
  if (paused) return;
  market.step(Number(options.changed));
  const feeds = new Set([...sockets.values()].flatMap((subscribed) => [...subscribed.keys()]));
  for (const feed of feeds) {
    sequence.set(feed, (sequence.get(feed) ?? 0) + 1);
    if (feed in market.alerts) {
      sendAlerts(feed);
      continue;
    }
    const rows = market.rows(feed).map((row) => [row[0], JSON.stringify(row)]);
    for (const [socket, subscribed] of sockets)
      if (subscribed.has(feed)) sendDelta(socket, subscribed, feed, rows);
  }
}

function sendAlerts(feed) {
  const rows = market.alerts[feed];
  for (const [socket, subscribed] of sockets) {
    if (!subscribed.has(feed)) continue;
    send(socket, {
      type: "alert",
      ...head(feed),
      rows: rows.slice(subscribed.get(feed)).slice(-ALERT_LIMIT),
    });
    subscribed.set(feed, rows.length);
  }
}

function sendDelta(socket, subscribed, feed, rows) {
  const before = subscribed.get(feed);
  const now = new Map(rows);
  const changed = rows
    .filter(([symbol, text]) => before.get(symbol) !== text)
    .map(([, text]) => JSON.parse(text));
  const removed = [...before.keys()].filter((symbol) => !now.has(symbol));
  const order = [...now.keys()];
  const reordered = order.join() !== [...before.keys()].join();
  subscribed.set(feed, now);
  send(socket, { type: "delta", ...head(feed), rows: changed, removed, ...(reordered && { order }) });
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
