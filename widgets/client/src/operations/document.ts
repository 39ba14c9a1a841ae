/**
 * The document of the feed `operations` as types: `marketdata/control/document.py` in Python.
 *
 * Reports leave out members that have their default, so these are optional. Instants are epoch milliseconds of the
 * cache server's clock, except within a report: there they are of the clock of its process.
 */

export type Health = "healthy" | "degraded" | "down" | "unknown";

export interface Finding {
  readonly rule: string;
  readonly severity: Exclude<Health, "healthy">;
  readonly what: string;
  readonly advice: string;
  /** 0: unknown. */
  readonly since_ms: number;
}

export interface Verdict {
  readonly state: Health;
  readonly sentence: string;
  readonly findings: readonly Finding[];
}

export interface Book {
  readonly name: string;
  readonly unit: string;
  readonly received: number;
  readonly done: number;
  readonly lost?: Readonly<Record<string, number>>;
  readonly waiting?: number;
  readonly tolerance?: number;
}

interface Rates {
  readonly book: Book;
  /** `null`: not known yet, since a rate needs two readings. */
  readonly in_per_second: number | null;
  readonly out_per_second: number | null;
  readonly lost_per_second: Readonly<Record<string, number>>;
}

export interface StageView extends Rates {
  readonly processes: number;
}

export interface QueueView extends Rates {
  readonly queue: string;
  readonly oldest_age_ms: number | null;
}

export interface WorkerStatus {
  readonly name: string;
  readonly state: string;
  readonly restarts?: number;
  readonly last_end?: string;
}

export interface ProcessReport {
  readonly identity: string;
  readonly service: string;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly loop_lag_ms?: number;
  readonly cpu_share?: number;
  readonly memory_bytes?: number;
  readonly memory_limit_bytes?: number;
  readonly status?: {
    readonly role?: string;
    readonly settings?: {
      readonly applied_version?: number;
      readonly refused_version?: number;
      readonly refusal?: string;
      readonly is_paused?: boolean;
    };
    readonly workers?: readonly WorkerStatus[];
  };
  readonly unready?: Readonly<Record<string, { readonly text: string; readonly since_ms: number }>>;
  readonly end?: string;
  /** `host:port` of its health endpoints. */
  readonly health_address?: string;
}

export interface ProcessView {
  readonly report: ProcessReport;
  readonly life: "running" | "silent" | "ended";
  readonly since_ms: number;
  readonly age_ms: number;
  readonly wanted_version: number;
}

export interface ShardView {
  readonly shard: number;
  readonly owners: readonly string[];
  readonly owned_since_ms: number;
  readonly handovers: number;
  readonly rows: number;
  readonly tick_age_ms: number | null;
  readonly ticks_per_second: number | null;
  readonly clock_failure: string;
}

/** A connection of a user. `bytes_per_second` and `conflated_per_second` are of the last seconds. */
export interface Connection {
  readonly user_id: number;
  readonly user: string;
  readonly since_ms: number;
  readonly address?: string;
  readonly way?: string;
  readonly token?: string;
  readonly protocol?: string;
  readonly feeds?: number;
  readonly first_feeds?: readonly string[];
  readonly bytes_per_second?: number;
  readonly conflated?: number;
  readonly conflated_per_second?: number;
  /** Absent or 0: it takes what is sent. */
  readonly blocked_since_ms?: number;
}

export interface ConnectionView {
  /** `host:pid` of the web process. */
  readonly process: string;
  readonly connection: Connection;
}

/** All connections of one user. */
export interface UserTotals {
  readonly user_id: number;
  readonly user: string;
  readonly connections?: number;
  readonly feeds?: number;
  readonly blocked?: number;
  readonly bytes_per_second?: number;
}

export interface ClientsView {
  readonly connections: number;
  readonly subscriptions: number;
  readonly blocked: number;
  readonly bytes_per_second: number | null;
  readonly data_states: Readonly<Record<string, number>>;
  readonly data_detail: string;
  readonly data_age_ms: number | null;
  readonly listed: readonly ConnectionView[];
  readonly users: readonly UserTotals[];
  /** Close code in words -> ended connections in the last 15 minutes. */
  readonly closed: Readonly<Record<string, number>>;
}

export interface ReferenceView {
  readonly date: string;
  readonly loaded_ms: number;
  readonly missing: readonly string[];
  readonly load: string;
  readonly load_error: string;
  readonly symbols: number;
}

export interface JobView {
  readonly name: string;
  /** What the action that runs it calls it. */
  readonly job: string;
  readonly last_ms: number;
  readonly succeeded: boolean | null;
  readonly last_outcome: string;
  readonly next_ms: number;
  readonly late_seconds: number;
  readonly failures: number;
}

/** A piece that was not understood. `text` has its first bytes, escaped. */
export interface SetAsideView {
  readonly shard: number;
  readonly reason: string;
  readonly received_ms: number;
  readonly byte_count: number;
  readonly text: string;
}

export interface FeedRecord {
  readonly state: string;
  readonly reason: string;
  readonly broker: string;
}

export interface Overview {
  readonly read_at_ms: number;
  readonly processes: readonly ProcessView[];
  readonly stages: readonly StageView[];
  readonly queues: readonly QueueView[];
  readonly shards: readonly ShardView[];
  readonly clients: ClientsView | null;
  readonly feed: FeedRecord | null;
  readonly reference: ReferenceView | null;
  readonly jobs: readonly JobView[] | null;
  readonly set_aside: readonly SetAsideView[];
  readonly trading_date: string;
  /** Source -> why it could not be read. */
  readonly unread: Readonly<Record<string, string>>;
}

export interface InstallationDocument {
  readonly verdict: Verdict;
  readonly overview: Overview;
}

/** The document in a value of the server; `null` if the value is none: then the page is older than the server. */
export function readDocument(value: unknown): InstallationDocument | null {
  const { verdict, overview } = (value ?? {}) as { [name in keyof InstallationDocument]?: unknown };
  if (!isObject(verdict) || typeof verdict["sentence"] !== "string" || !Array.isArray(verdict["findings"])) {
    return null;
  }
  if (!isObject(overview) || typeof overview["read_at_ms"] !== "number") return null;
  const lists = ["processes", "stages", "queues", "shards", "set_aside"];
  if (!lists.every((name) => Array.isArray(overview[name])) || !isObject(overview["unread"])) return null;
  return value as InstallationDocument;
}

/** A batch that is older waits for too long. */
export const OLD_BATCH_MS = 1_000;

/** What of an overview means nothing if it is empty: the cache, the overview, or news from the server. */
const NEEDED_SOURCES = ["cache", "overview", "server"] as const;

/** Whether the records in the cache were read. If not, the lists of the overview are empty, which means nothing. */
export function isRead({ overview }: InstallationDocument): boolean {
  return !NEEDED_SOURCES.some((source) => source in overview.unread);
}

/**
 * What is known while the server is silent: nothing of now, however healthy the installation was.
 *
 * `sinceMs` is when the newest news were made, and 0 if that is unknown.
 */
export function withoutNews(why: string, sinceMs: number): InstallationDocument {
  const what = `this page has no news from the server: ${why}`;
  const advice =
    "The page connects again by itself. If that takes long, start a web process; manage.py status needs none.";
  const finding = { rule: "no news", severity: "unknown", what, advice, since_ms: sinceMs } as const;
  return {
    verdict: { state: "unknown", sentence: what, findings: [finding] },
    overview: {
      read_at_ms: 0,
      processes: [],
      stages: [],
      queues: [],
      shards: [],
      clients: null,
      feed: null,
      reference: null,
      jobs: null,
      set_aside: [],
      trading_date: "",
      unread: { server: why },
    },
  };
}

/** What no other count of a book explains. Negative: more is explained than was received. */
export function unexplained(book: Book): number {
  return book.received - book.done - lostOf(book) - (book.waiting ?? 0);
}

/** Everything of a book that did not go on. */
export function lostOf({ lost }: Book): number {
  return Object.values(lost ?? {}).reduce((sum, count) => sum + count, 0);
}

/** Whether everything is explained, but for what may be under way between two counts. */
export function closes(book: Book): boolean {
  return Math.abs(unexplained(book)) <= (book.tolerance ?? 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
