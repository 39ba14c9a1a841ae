/** The way of the data as one picture, from the provider to the browsers: stations, and what flows between them. */
import { html, nothing } from "lit";
import {
  closes,
  type InstallationDocument,
  isRead,
  OLD_BATCH_MS,
  type Overview,
  unexplained,
} from "./document";
import { oldestOf } from "./history";
import { count, kilobytes, numbered, rate, reasons, span } from "./numbers";

/** `off`: nothing is expected of it now. `unknown`: it could not be read. */
export type StationState = "ok" | "bad" | "off" | "unknown";

/** A part of the platform, and what flows into it. */
export interface Station {
  readonly name: string;
  readonly state: StationState;
  readonly fact: string;
  /** `null` for the first station: nothing of the platform is before it. */
  readonly inflow: Inflow | null;
}

export interface Inflow {
  readonly rate: string;
  readonly unit: string;
  /** What was lost on the way since the start, by reason; empty if nothing was. */
  readonly lost: string;
  /** Whether something is being lost now, or the book does not close. */
  readonly alarm: boolean;
}

/** The parts of listeners and processors that need the broker. */
const BROKER_PARTS = ["broker", "queues"] as const;

const CALM_FEED: ReadonlySet<string> = new Set(["market_closed", "stopped"]);

export function flowOf(document: InstallationDocument): readonly Station[] {
  const { overview } = document;
  const known = isRead(document);
  const cacheState: StationState = "cache" in overview.unread ? "bad" : known ? "ok" : "unknown";
  const service = (name: string): [StationState, string] =>
    known ? serviceState(overview, name) : ["unknown", "not read"];
  const clients = overview.clients;
  return [
    station("Provider", providerState(overview, known), null),
    station("Listener", service("listener"), inflow(overview, "listener events", "in_per_second")),
    station("Queues", queueState(overview, known), inflow(overview, "listener events", "out_per_second")),
    station("Processors", service("processor"), queueFlow(overview)),
    station(
      "Cache",
      [cacheState, cacheState === "bad" ? "away" : cacheState === "ok" ? "answers" : "not read"],
      inflow(overview, "processor events", "out_per_second"),
    ),
    station("Scanner", service("scanner"), inflow(overview, "scanner ticks", "in_per_second")),
    station("Web", service("web"), inflow(overview, "scanner ticks", "out_per_second")),
    station("Browsers", [clients === null ? "unknown" : "ok", clientFact(overview)], {
      rate: kilobytes(clients?.bytes_per_second ?? null),
      unit: "kB/s",
      ...lossOf(overview, "web frames"),
    }),
  ];
}

export function renderFlow(stations: readonly Station[]) {
  return html`
    <ol class="ops-flow" aria-label="The way of the data, from the provider to the browsers">
      ${stations.map(
        ({ name, state, fact, inflow }) => html`
          <li class="ops-step">
            ${inflow === null ? nothing : renderInflow(inflow)}
            <div class="ops-station" data-state=${state}>
              <span class="ops-station-name"><span class="ops-dot" aria-hidden="true"></span>${name}</span>
              <span class="ops-station-fact">${fact}</span>
            </div>
          </li>
        `,
      )}
    </ol>
  `;
}

function renderInflow({ rate, unit, lost, alarm }: Inflow) {
  return html`
    <div class="ops-inflow" data-alarm=${alarm}>
      <span class="ops-inflow-rate"><b>${rate}</b> ${unit}</span>
      <span class="ops-arrow" aria-hidden="true"></span>
      <span class="ops-inflow-lost" title=${lost}>${lost === "" ? "no loss" : lost}</span>
    </div>
  `;
}

function station(name: string, [state, fact]: [StationState, string], inflow: Inflow | null): Station {
  return { name, state, fact, inflow };
}

function serviceState({ processes }: Overview, service: string): [StationState, string] {
  const own = processes.filter(({ report }) => report.service === service);
  const running = own.filter(({ life }) => life === "running");
  if (running.length === 0) return ["bad", own.length === 0 ? "none known" : "none runs"];
  const unready = running.filter(({ report }) => Object.keys(report.unready ?? {}).length > 0);
  if (unready.length > 0) return ["bad", `${unready.length} of ${running.length} not ready`];
  return ["ok", running.length === 1 ? "1 process" : `${running.length} processes`];
}

function providerState({ feed }: Overview, known: boolean): [StationState, string] {
  if (!known || feed === null) return ["unknown", known ? "no feed" : "not read"];
  const words = feed.state.replaceAll("_", " ");
  if (CALM_FEED.has(feed.state)) return ["off", words];
  return [feed.state === "live" ? "ok" : "bad", words];
}

function queueState(overview: Overview, known: boolean): [StationState, string] {
  if (!known) return ["unknown", "not read"];
  const broker = overview.feed?.broker ?? "ok";
  if (broker !== "ok") return ["bad", `broker ${broker}`];
  const users = overview.processes.filter(({ life }) => life === "running");
  if (users.some(({ report }) => BROKER_PARTS.some((part) => part in (report.unready ?? {}))))
    return ["bad", "broker away"];
  const oldest = oldestOf(overview);
  if (oldest === null) return ["unknown", "none known"];
  return [oldest > OLD_BATCH_MS ? "bad" : "ok", `oldest ${span(oldest)}`];
}

function inflow(overview: Overview, name: string, which: "in_per_second" | "out_per_second"): Inflow {
  const stage = overview.stages.find(({ book }) => book.name === name);
  const unit = `${stage?.book.unit ?? name.split(" ").at(-1)}/s`;
  // What was lost belongs to the arrow that leaves the stage.
  const loss = which === "out_per_second" ? lossOf(overview, name) : { lost: "", alarm: false };
  return { rate: rate(stage?.[which] ?? null), unit, ...loss };
}

function lossOf(overview: Overview, name: string): Pick<Inflow, "lost" | "alarm"> {
  const stage = overview.stages.find(({ book }) => book.name === name);
  if (stage === undefined) return { lost: "", alarm: false };
  const open = closes(stage.book) ? "" : `unexplained ${count(unexplained(stage.book))}`;
  const lost = [open, reasons(stage.book.lost)].filter(Boolean).join(", ");
  return { lost, alarm: open !== "" || Object.keys(stage.lost_per_second).length > 0 };
}

function queueFlow({ queues }: Overview): Inflow {
  const rates = queues.map(({ out_per_second }) => out_per_second).filter((each) => each !== null);
  const lost: Record<string, number> = {};
  for (const { book } of queues) {
    for (const [reason, number] of Object.entries(book.lost ?? {}))
      lost[reason] = (lost[reason] ?? 0) + number;
  }
  return {
    rate: rate(rates.length === 0 ? null : rates.reduce((sum, each) => sum + each, 0)),
    unit: "batches/s",
    lost: reasons(lost),
    alarm: queues.some(({ lost_per_second }) => Object.keys(lost_per_second).length > 0),
  };
}

function clientFact({ clients }: Overview): string {
  if (clients === null) return "not known";
  return numbered(clients.connections, "connection");
}
