// CPU of a page that receives boards, without drawing: parsing the frames, applying them, and taking the updates.
//
//   npm run measure -- [--boards 3] [--rows 500] [--hertz 4] [--seconds 60] [--changed 0.3]
//
// The frames of a synthetic market are made first; then they are read as fast as possible. It prints the CPU time for a
// second of the market, and the size of the frames.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createServer } from "vite";
import { BOARD_FEEDS, SyntheticMarket } from "./synthetic-board.mjs";
import { tableDifference } from "./table-difference.mjs";

const { values } = parseArgs({
  options: {
    boards: { type: "string", default: "3" },
    rows: { type: "string", default: "500" },
    hertz: { type: "string", default: "4" },
    seconds: { type: "string", default: "60" },
    changed: { type: "string", default: "0.3" },
  },
});
const options = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
const feeds = BOARD_FEEDS.slice(0, options.boards);

/** The frames of all feeds: a snapshot each, then the deltas of every tick. */
function recordFrames() {
  const market = new SyntheticMarket(2 * options.rows, options.rows);
  const held = new Map(feeds.map((feed) => [feed, market.rows(feed)]));
  const head = (feed, seq) => ({ feed, epoch: "e", seq, age_ms: 80, market_time_ms: market.timeMs });
  const frames = feeds.map((feed) =>
    JSON.stringify({ type: "snapshot", ...head(feed, 0), columns: market.columns, rows: held.get(feed) }),
  );
  for (let seq = 1; seq <= options.seconds * options.hertz; seq += 1) {
    market.step(options.changed);
    for (const feed of feeds) {
      const rows = market.rows(feed);
      const delta = {
        type: "delta",
        ...head(feed, seq),
        prev: seq - 1,
        ...tableDifference(held.get(feed), rows),
      };
      held.set(feed, rows);
      frames.push(JSON.stringify(delta));
    }
  }
  return frames;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const server = await createServer({ root, server: { middlewareMode: true, ws: false }, logLevel: "error" });
const { parseServerMessage } = await server.ssrLoadModule("/src/socket/parser.ts");
const { FeedState } = await server.ssrLoadModule("/src/socket/feed-state.ts");
const frames = recordFrames();

function readFrames() {
  const states = new Map(feeds.map((feed) => [feed, new FeedState()]));
  for (const frame of frames) {
    const message = parseServerMessage(frame);
    const state = states.get(message.feed);
    if (!state.apply(message, 0)) throw new Error(`A frame of ${message.feed} does not follow`);
    state.takeUpdate();
  }
}

readFrames(); // The compiler optimises what runs often.
const before = process.cpuUsage();
readFrames();
const { user, system } = process.cpuUsage(before);
const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
process.stdout.write(
  `${((user + system) / 1000 / options.seconds).toFixed(2)} ms of CPU and ` +
    `${(bytes / 1024 / options.seconds).toFixed(0)} KiB for a second of ${options.boards} boards at ${options.hertz} Hz\n`,
);
await server.close();
