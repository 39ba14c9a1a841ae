/** The tables of the operations page. `nowMs` is the present time by the cache server's clock. */
import { ABSENT } from "../format";
import { actionColumn, type OfferedAction, type RowNames } from "./actions";
import {
  type Book,
  closes,
  type JobView,
  OLD_BATCH_MS,
  type Overview,
  type ProcessView,
  type QueueView,
  type SetAsideView,
  type ShardView,
  type StageView,
  unexplained,
} from "./document";
import { age, count, instant, mebibytes, numbered, rate, reasons, share, span } from "./numbers";
import { renderSelfDescription } from "./self-description";
import { type Column, renderTable } from "./table";

const STUCK_TICK_MS = 5_000;

export function processTable({ processes }: Overview, nowMs: number, actions: readonly OfferedAction[] = []) {
  const running = processes.filter(({ life }) => life === "running").length;
  const gone = processes.length - running;
  const hasParent = processes.some(({ report }) => (report.status?.workers ?? []).length > 0);
  const columns: readonly Column<ProcessView>[] = [
    { title: "Process", isName: true, cell: ({ report }) => report.name },
    // Early in the row: the table may be wider than the window.
    ...actionColumn<ProcessView>(actions, "process", namesOfProcess),
    { title: "Host : pid", cell: ({ report }) => `${report.host} : ${report.pid}` },
    { title: "Version", cell: ({ report }) => report.version },
    { title: "Role", cell: roleOf },
    { title: "State", isText: true, cell: stateOf },
    {
      title: "For",
      isNumber: true,
      cell: ({ since_ms, life }) => `${age(nowMs - since_ms)}${life === "running" ? "" : " ago"}`,
    },
    { title: "CPU", isNumber: true, cell: ifRunning(({ report }) => share(report.cpu_share)) },
    { title: "Memory, MiB", isNumber: true, cell: ifRunning(({ report }) => mebibytes(report.memory_bytes)) },
    {
      title: "Loop lag, ms",
      isNumber: true,
      cell: ifRunning(({ report }) => count(report.loop_lag_ms ?? 0)),
    },
    { title: "Settings", isNumber: true, cell: settingsOf },
    ...(hasParent ? [{ title: "Workers", isText: true, cell: workersOf }] : []),
    { title: "Health, log", isText: true, cell: renderSelfDescription },
  ];
  return renderTable({
    id: "processes",
    caption: "Processes",
    note: `${running} run${gone > 0 ? `, ${gone} silent or ended within a day` : ""}; settings: version applied / wanted`,
    columns,
    rows: processes,
    key: ({ report }) => report.identity,
    look: lookOf,
    empty: "No process has reported.",
  });
}

function roleOf({ life, report }: ProcessView): string {
  const role = report.status?.role;
  if (!role) return ABSENT;
  return life === "running" ? role : `was ${role}`;
}

/** A process can be steered while it runs and follows settings. */
function namesOfProcess({ life, report }: ProcessView): RowNames {
  return life === "running" && report.status?.settings !== undefined
    ? { service: report.service, process: report.identity }
    : {};
}

function lookOf({ life, report }: ProcessView): "bad" | "gone" | "" {
  if (life === "ended") return "gone";
  return life === "silent" || Object.keys(report.unready ?? {}).length > 0 || report.status?.settings?.refusal
    ? "bad"
    : "";
}

function stateOf({ life, report }: ProcessView): string {
  if (life === "ended") return `ended: ${report.end || "no reason given"}`;
  if (life === "silent") return "silent";
  const parts = Object.entries(report.unready ?? {}).map(([part, { text }]) => `${part}: ${text}`);
  if (parts.length > 0) return `not ready: ${parts.join("; ")}`;
  return report.status?.settings?.is_paused ? "paused" : "running";
}

function ifRunning(cell: (view: ProcessView) => string): (view: ProcessView) => string {
  return (view) => (view.life === "running" ? cell(view) : ABSENT);
}

function settingsOf({ report, wanted_version }: ProcessView): string {
  const settings = report.status?.settings;
  if (settings === undefined) return ABSENT;
  const versions = `${count(settings.applied_version ?? 0)} / ${count(wanted_version)}`;
  return settings.refusal
    ? `${versions}, refuses ${settings.refused_version}: ${settings.refusal}`
    : versions;
}

function workersOf({ report }: ProcessView): string {
  const workers = report.status?.workers ?? [];
  if (workers.length === 0) return ABSENT;
  return workers
    .map(({ name, state, restarts, last_end }) => {
      const again = restarts ? `, ${count(restarts)} restarts${last_end ? ` (last: ${last_end})` : ""}` : "";
      return `${name} ${state}${again}`;
    })
    .join("; ");
}

export function queueTable({ queues }: Overview, actions: readonly OfferedAction[] = []) {
  const columns: readonly Column<QueueView>[] = [
    { title: "Queue", isName: true, cell: ({ queue }) => queue },
    ...actionColumn<QueueView>(actions, "queue", ({ queue }) => ({ queue })),
    { title: "Oldest", isNumber: true, cell: ({ oldest_age_ms }) => span(oldest_age_ms) },
    { title: "Waiting", isNumber: true, cell: ({ book }) => count(book.waiting ?? 0) },
    { title: "In, batches/s", isNumber: true, cell: ({ in_per_second }) => rate(in_per_second) },
    { title: "Out, batches/s", isNumber: true, cell: ({ out_per_second }) => rate(out_per_second) },
    { title: "Lost, batches", isText: true, cell: ({ book }) => reasons(book.lost) || ABSENT },
  ];
  return renderTable({
    id: "queues",
    caption: "Queues",
    note: "the age of the oldest batch comes before the depth: batches expire",
    columns,
    rows: queues,
    key: ({ queue }) => queue,
    look: ({ oldest_age_ms }) => ((oldest_age_ms ?? 0) > OLD_BATCH_MS ? "bad" : ""),
    empty: "No process knows of a queue.",
  });
}

export function shardTable({ shards }: Overview, nowMs: number) {
  const columns: readonly Column<ShardView>[] = [
    { title: "Shard", isName: true, cell: ({ shard }) => shard },
    { title: "Owner", cell: ({ owners }) => owners.join(", ") || "none" },
    {
      title: "Since",
      isNumber: true,
      cell: ({ owned_since_ms }) => (owned_since_ms ? age(nowMs - owned_since_ms) : ABSENT),
    },
    { title: "Hand-overs", isNumber: true, cell: ({ handovers }) => count(handovers) },
    { title: "Rows", isNumber: true, cell: ({ rows, owners }) => count(owners.length ? rows : null) },
    { title: "Tick age", isNumber: true, cell: ({ tick_age_ms }) => span(tick_age_ms) },
    { title: "Ticks/s", isNumber: true, cell: ({ ticks_per_second }) => rate(ticks_per_second) },
    { title: "Clock", isText: true, cell: ({ clock_failure }) => clock_failure || "right" },
  ];
  return renderTable({
    id: "shards",
    caption: "Shards",
    columns,
    rows: shards,
    key: ({ shard }) => String(shard),
    look: ({ owners, tick_age_ms, clock_failure }) =>
      owners.length !== 1 || clock_failure || (tick_age_ms ?? 0) > STUCK_TICK_MS ? "bad" : "",
    empty: "No process holds a shard.",
  });
}

type BookRow = Pick<StageView, "book" | "in_per_second" | "out_per_second">;

export function bookTable({ stages, queues }: Overview) {
  const rows: readonly BookRow[] = [...stages, ...queues];
  const open = rows.filter(({ book }) => !closes(book)).length;
  const columns: readonly Column<BookRow>[] = [
    { title: "Book", isName: true, cell: ({ book }) => book.name },
    { title: "Unit", cell: ({ book }) => book.unit },
    { title: "Received", isNumber: true, cell: ({ book }) => count(book.received) },
    { title: "Passed on", isNumber: true, cell: ({ book }) => count(book.done) },
    { title: "Waiting", isNumber: true, cell: ({ book }) => count(book.waiting ?? 0) },
    { title: "Not passed on", isText: true, cell: ({ book }) => reasons(book.lost) || ABSENT },
    { title: "Unexplained", isNumber: true, cell: ({ book }) => count(unexplained(book)) },
    { title: "Sum", cell: ({ book }) => sumOf(book) },
  ];
  return renderTable({
    id: "books",
    caption: "Books",
    note: open === 0 ? "received = passed on + waiting + not passed on" : `${open} do not close`,
    columns,
    rows,
    key: ({ book }) => book.name,
    look: ({ book }) => (closes(book) ? "" : "bad"),
    empty: "No process keeps a book.",
  });
}

function sumOf(book: Book): string {
  return closes(book) ? "closes" : `open by ${count(unexplained(book))} ${book.unit}`;
}

export function jobTable({ jobs, unread }: Overview, nowMs: number, actions: readonly OfferedAction[] = []) {
  const columns: readonly Column<JobView>[] = [
    { title: "Job", isName: true, cell: ({ name }) => name },
    ...actionColumn<JobView>(actions, "job", ({ job }) => ({ job })),
    {
      title: "Last run",
      isNumber: true,
      cell: ({ last_ms }) => (last_ms ? `${age(nowMs - last_ms)} ago` : "never"),
    },
    { title: "Outcome", isText: true, cell: outcomeOf },
    {
      title: "Next run",
      isNumber: true,
      cell: ({ next_ms }) => (next_ms > nowMs ? `in ${age(next_ms - nowMs)}` : "due"),
    },
    {
      title: "Late",
      isNumber: true,
      cell: ({ late_seconds }) => (late_seconds ? age(late_seconds * 1_000) : ABSENT),
    },
  ];
  return renderTable({
    id: "jobs",
    caption: "Jobs",
    columns,
    rows: jobs ?? [],
    key: ({ name }) => name,
    look: ({ succeeded, failures }) => (succeeded === false ? (failures > 1 ? "bad" : "warn") : ""),
    empty:
      jobs === null ? `Not read: ${unread["database"] ?? "the database is away"}.` : "No job is scheduled.",
  });
}

function outcomeOf({ succeeded, failures, last_outcome }: JobView): string {
  if (succeeded === null) return ABSENT;
  const words = succeeded ? "succeeded" : failures > 1 ? `failed ${failures} times` : "failed";
  return last_outcome ? `${words}: ${last_outcome}` : words;
}

const SET_ASIDE = "set aside";

export function setAsideTable({ set_aside, stages }: Overview, nowMs: number) {
  const columns: readonly Column<SetAsideView>[] = [
    { title: "Reason", isName: true, cell: ({ reason }) => reason.replaceAll("_", " ") },
    { title: "Received", isNumber: true, cell: ({ received_ms }) => `${age(nowMs - received_ms)} ago` },
    { title: "Shard", isNumber: true, cell: ({ shard }) => count(shard) },
    { title: "Bytes", isNumber: true, cell: ({ byte_count }) => count(byte_count) },
    { title: "Beginning, escaped", isBytes: true, cell: ({ text }) => text },
  ];
  const lost = stages.flatMap(({ book }) => Object.entries(book.lost ?? {}));
  const counts = Object.fromEntries(lost.filter(([reason]) => reason.startsWith(SET_ASIDE)));
  return renderTable({
    id: "set-aside",
    caption: "Set aside",
    note: reasons(counts) || "what is not understood is kept for a day",
    columns,
    rows: set_aside,
    key: ({ shard, received_ms, text }) => `${shard} ${received_ms} ${text}`,
    empty: "Nothing was set aside lately.",
  });
}

/** Clients, reference data and feed: names and values. */
export function factList(
  { clients, reference, feed, trading_date }: Overview,
  nowMs: number,
): readonly Fact[] {
  const facts: Fact[] = [];
  if (clients !== null) {
    const states = Object.entries(clients.data_states).map(
      ([state, web]) => `${state.replaceAll("_", " ")} (${web} web)`,
    );
    facts.push(
      {
        name: "Clients",
        value: `${numbered(clients.connections, "connection")}, ${numbered(clients.subscriptions, "subscription")}`,
      },
      { name: "Slow clients", value: count(clients.blocked), isBad: clients.blocked > 0 },
      { name: "Data that they see", value: `${states.join(", ")}, age ${span(clients.data_age_ms)}` },
    );
  }
  if (feed !== null) {
    const why = feed.reason ? `: ${feed.reason}` : "";
    facts.push({ name: "Feed", value: `${feed.state.replaceAll("_", " ")}${why}` });
    facts.push({ name: "Broker", value: feed.broker, isBad: feed.broker !== "ok" });
  }
  if (trading_date) facts.push({ name: "Trading day", value: trading_date });
  if (reference !== null) {
    const loaded = reference.loaded_ms ? `, loaded ${instant(reference.loaded_ms, nowMs)}` : "";
    const known = reference.date ? `of ${reference.date}${loaded}` : "none";
    facts.push({
      name: "Reference data",
      value: `${known}, ${count(reference.symbols)} symbols`,
      isBad: !reference.date,
    });
    if (reference.missing.length)
      facts.push({ name: "Missing in it", value: few(reference.missing), isBad: true });
    if (reference.load_error)
      facts.push({ name: "Newest load failed", value: reference.load_error, isBad: true });
  }
  return facts;
}

const MOST_NAMED = 5;

/** The first of many names, and how many more there are. */
function few(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const named = names.slice(0, MOST_NAMED).join("; ");
  return more > 0 ? `${named}; and ${count(more)} more` : named;
}

export interface Fact {
  readonly name: string;
  readonly value: string;
  readonly isBad?: boolean;
}
