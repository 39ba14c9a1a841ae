/** Documents of an invented installation: a test changes what matters to it. */
import type {
  Book,
  Connection,
  ConnectionView,
  InstallationDocument,
  Overview,
  ProcessView,
} from "../../src/operations/document";
import type { Sample } from "../../src/operations/samples";

export const NOW_MS = 1_795_000_000_000;

export function book(name: string, changes: Partial<Book> = {}): Book {
  return { name, unit: "events", received: 1_000, done: 1_000, ...changes };
}

export function process(service: string, changes: Partial<ProcessView> = {}): ProcessView {
  return {
    report: {
      identity: `vm:${service}`,
      service,
      name: service,
      host: "vm",
      pid: 7,
      version: "0.1.0",
      cpu_share: 0.25,
      memory_bytes: 100 * 2 ** 20,
      status: { role: "leader", settings: {} },
    },
    life: "running",
    since_ms: NOW_MS - 90_000,
    age_ms: 200,
    wanted_version: 0,
    ...changes,
  };
}

export function overview(changes: Partial<Overview> = {}): Overview {
  const rates = { in_per_second: 2_500, out_per_second: 2_400, lost_per_second: {} };
  return {
    read_at_ms: NOW_MS,
    processes: ["listener", "processor", "scanner", "web"].map((service) => process(service)),
    stages: [
      { book: book("listener events"), processes: 1, ...rates },
      { book: book("processor events"), processes: 1, ...rates },
      { book: book("scanner ticks", { unit: "ticks" }), processes: 1, ...rates },
      { book: book("web frames", { unit: "entries" }), processes: 1, ...rates },
    ],
    queues: [
      { queue: "trades", book: book("queue trades", { unit: "batches" }), oldest_age_ms: 150, ...rates },
    ],
    shards: [
      {
        shard: 0,
        owners: ["processor"],
        owned_since_ms: NOW_MS - 60_000,
        handovers: 0,
        rows: 5_000,
        tick_age_ms: 200,
        ticks_per_second: 10,
        clock_failure: "",
      },
    ],
    clients: {
      connections: 3,
      subscriptions: 9,
      blocked: 0,
      bytes_per_second: 12_000,
      data_states: { live: 1 },
      data_detail: "",
      data_age_ms: 300,
      listed: [],
      users: [],
      closed: {},
    },
    feed: { state: "live", reason: "", broker: "ok" },
    reference: {
      date: "2026-11-27",
      loaded_ms: NOW_MS - 1_000,
      missing: [],
      load: "loaded",
      load_error: "",
      symbols: 11_000,
    },
    jobs: [],
    set_aside: [],
    trading_date: "2026-11-27",
    unread: {},
    ...changes,
  };
}

export function healthy(changes: Partial<Overview> = {}): InstallationDocument {
  const verdict = { state: "healthy", sentence: "Healthy: 4 processes run.", findings: [] } as const;
  return { verdict, overview: overview(changes) };
}

/** A sample of the platform's history. */
export function sample(at_ms: number, changes: Partial<Sample> = {}): Sample {
  return {
    at_ms,
    state: "healthy",
    stages: { "listener events": [1_000, 990], "processor events": [980, 970] },
    oldest_age_ms: 120,
    connections: 3,
    bytes_per_second: 9_000,
    data_age_ms: 250,
    ...changes,
  };
}

/** A connection of a user, in the web process `vm:7`. */
export function connection(changes: Partial<Connection> = {}): ConnectionView {
  const usual = {
    user_id: 7,
    user: "ann",
    since_ms: NOW_MS - 120_000,
    address: "203.0.113.7",
    way: "session",
    protocol: "mdp.v2",
    feeds: 1,
    first_feeds: ["quote:AAPL"],
    bytes_per_second: 31_000,
  };
  return { process: "vm:7", connection: { ...usual, ...changes } };
}

/** What the server sends while the cache is away: nothing is known. */
export function cacheAway(): InstallationDocument {
  const finding = {
    rule: "cache away",
    severity: "unknown",
    what: "the cache cannot be read",
    advice: "Start it.",
    since_ms: 0,
  } as const;
  return {
    verdict: { state: "unknown", sentence: "The cache cannot be read. Start it.", findings: [finding] },
    overview: overview({
      processes: [],
      stages: [],
      queues: [],
      shards: [],
      clients: null,
      feed: null,
      reference: null,
      unread: { cache: "connection refused" },
    }),
  };
}
