/**
 * `<mdp-operations>`: the operations page. It takes the feed `operations` while the page is visible.
 *
 * If the cache is away, the tables keep the last figures that were read and say how old they are.
 */
import { html, LitElement } from "lit";
import type { FeedClient } from "../socket/feed-client";
import { RateLimitedText } from "../widgets/rate-limited-text";
import type { OfferedAction } from "./actions";
import type { Line } from "./chart";
import { renderConnections } from "./connections";
import { type InstallationDocument, isRead, readDocument, withoutNews } from "./document";
import { flowOf, renderFlow } from "./flow";
import { History } from "./history";
import { age, count, rate, span } from "./numbers";
import type { FoundConnections, OperationsServer } from "./samples";
import { renderStateStrip } from "./strip";
import { bookTable, factList, jobTable, processTable, queueTable, setAsideTable, shardTable } from "./tables";
import { renderVerdict, spokenVerdict } from "./verdict";

export const OPERATIONS_FEED = "operations";
const REFRESH_MS = 1_000;
/** The server sends a document every second. */
const SILENT_AFTER_MS = 4_000;
const ANNOUNCE_AGAIN_AFTER_MS = 10_000;

const CHARTS: readonly { readonly heading: string; readonly lines: readonly Line[] }[] = [
  {
    heading: "Events/s",
    lines: [
      { series: "received", label: "received", text: (value) => `${rate(value)}/s` },
      { series: "processed", label: "processed", text: (value) => `${rate(value)}/s` },
    ],
  },
  {
    heading: "Ages, ms",
    lines: [
      { series: "oldestMs", label: "oldest batch", text: span },
      { series: "dataAgeMs", label: "data at clients", text: span },
    ],
  },
  {
    heading: "Sent to clients, kB/s",
    lines: [{ series: "sentKilobytes", label: "sent", text: (value) => `${rate(value)} kB/s` }],
  },
  {
    heading: "Lost/s, events and batches",
    lines: [{ series: "lost", label: "lost", text: (value) => `${rate(value)}/s` }],
  },
  {
    heading: "Connections",
    lines: [
      { series: "connections", label: "connected", text: count },
      { series: "slow", label: "blocked", text: count },
    ],
  },
];

/** A document, and when it arrived by the page's monotonic clock. */
interface Arrived {
  readonly document: InstallationDocument;
  readonly atMs: number;
}

export class OperationsElement extends LitElement {
  static override properties = {
    newest: { state: true },
    refusal: { state: true },
    ticks: { state: true },
    found: { state: true },
    searchNote: { state: true },
    historyNote: { state: true },
  };
  declare private newest: Arrived | null;
  declare private refusal: string;
  declare private ticks: number;
  declare private found: FoundConnections | null;
  declare private searchNote: string;
  declare private historyNote: string;

  client: FeedClient | null = null;
  server: OperationsServer | null = null;
  /** What the reader may do. */
  actions: readonly OfferedAction[] = [];

  /** The newest document in which the cache was read. */
  #lastRead: Arrived | null = null;
  readonly #history = new History();
  readonly #announcements = new RateLimitedText(ANNOUNCE_AGAIN_AFTER_MS);
  readonly #visibility = () => this.#follow();
  #timer: ReturnType<typeof setInterval> | undefined;
  #unsubscribe: (() => void) | null = null;

  constructor() {
    super();
    this.newest = null;
    this.refusal = "";
    this.ticks = 0;
    this.found = null;
    this.searchNote = "";
    this.historyNote = "";
  }

  /** Shows a document, such as that with which the server rendered the page. */
  take(value: unknown): void {
    const document = readDocument(value);
    if (document === null) {
      this.refusal = "The server sends what this page does not know. Reload the page.";
      return;
    }
    const arrived = { document, atMs: performance.now() };
    this.refusal = "";
    this.newest = arrived;
    const read = isRead(document);
    if (read) this.#lastRead = arrived;
    const atMs = document.overview.read_at_ms || this.#nowMs();
    const missed = this.#history.hasGapBefore(atMs);
    this.#history.add(atMs, read ? document : null);
    if (missed && read) this.#askHistory();
  }

  /** Begins to follow the feed, and asks for the history. Call it once. */
  start(client: FeedClient, server: OperationsServer): void {
    this.client = client;
    this.server = server;
    this.#follow();
  }

  protected override createRenderRoot(): HTMLElement {
    this.replaceChildren(); // What the server rendered for readers without a script.
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.#visibility);
    this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.#visibility);
    this.#pause();
  }

  protected override render() {
    if (this.newest === null)
      return html`<p class="ops-empty">${this.refusal || "Waiting for the first figures."}</p>`;
    const nowMs = this.#nowMs();
    const document = this.#isSilent ? this.#silence(nowMs) : this.newest.document;
    const shown = this.#lastRead?.document ?? this.newest.document;
    const old = shown !== document;
    return html`
      ${renderVerdict(document, nowMs, this.#staleText(old))}
      <p class="ops-unseen" role="status" aria-live="polite">${this.#announcements.limited(spokenVerdict(document), performance.now())}</p>
      ${renderFlow(flowOf(document))}
      <div class="ops-charts" aria-label="The last 15 minutes">
        <h2>Last 15 min <small>${this.historyNote || "the strip is the verdict; a gap means that no process kept figures; times are UTC"}</small></h2>
        ${renderStateStrip(this.#history)}
        <div class="ops-chart-row">
          ${CHARTS.map(({ heading, lines }) => html`<mdp-history-chart .heading=${heading} .lines=${lines} .history=${this.#history} .revision=${this.#history.newestAtMs}></mdp-history-chart>`)}
        </div>
      </div>
      <div class="ops-body" data-old=${old}>
        ${processTable(shown.overview, nowMs, this.actions)}
        ${queueTable(shown.overview, this.actions)}
        ${shardTable(shown.overview, nowMs)}
        ${bookTable(shown.overview)}
        ${this.#renderFacts(shown, nowMs)}
        ${renderConnections(shown.overview.clients, this.#search, nowMs, this.actions)}
        ${jobTable(this.newest.document.overview, nowMs, this.actions)}
        ${setAsideTable(shown.overview, nowMs)}
      </div>
    `;
  }

  #renderFacts({ overview }: InstallationDocument, nowMs: number) {
    return html`
      <section class="ops-section" aria-labelledby="ops-facts">
        <h2 id="ops-facts">Feed, clients, reference data</h2>
        <dl class="ops-facts">
          ${factList(overview, nowMs).map(({ name, value, isBad }) => html`<div data-look=${isBad ? "bad" : ""}><dt>${name}</dt><dd>${value}</dd></div>`)}
        </dl>
      </section>
    `;
  }

  get #search() {
    return {
      found: this.found,
      note: this.searchNote,
      onSubmit: (user: string) => void this.#find(user),
      onEnd: () => {
        this.found = null;
        this.searchNote = "";
      },
    };
  }

  async #find(user: string): Promise<void> {
    if (this.server === null) return;
    this.searchNote = "Searching …";
    try {
      this.found = await this.server.connectionsOf(user);
      this.searchNote = `As of ${new Date().toISOString().slice(11, 19)} UTC.`;
    } catch (error) {
      this.searchNote = `Not searched: ${error instanceof Error ? error.message : error}.`;
    }
  }

  /** Without the history the page goes on with what it sees itself. */
  #askHistory(): void {
    this.server?.history().then(
      (samples) => {
        this.#history.begin(samples);
        this.historyNote = "";
        this.requestUpdate();
      },
      (error: unknown) => {
        this.historyNote = `not loaded: ${error instanceof Error ? error.message : error}; as this page has seen them`;
      },
    );
  }

  /** What takes the place of the newest document when it is too old to be called the present state. */
  #silence(nowMs: number): InstallationDocument {
    this.#history.silence(nowMs);
    const isOpen = this.client?.facts.phase === "open";
    const why = isOpen ? "the server is silent" : "the connection is lost";
    return withoutNews(why, this.newest?.document.overview.read_at_ms ?? 0);
  }

  /** Why what is shown is not of this second; empty if it is. */
  #staleText(old: boolean): string {
    const parts = [this.refusal];
    if (old && this.#lastRead !== null) {
      const ageMs = performance.now() - this.#lastRead.atMs;
      parts.push(`The tables below are ${age(ageMs)} old. What they call running may have ended.`);
    }
    return parts.filter(Boolean).join(" ");
  }

  get #isSilent(): boolean {
    return this.newest !== null && performance.now() - this.newest.atMs > SILENT_AFTER_MS;
  }

  /** The present time by the cache server's clock: that of the newest reading of it, and the time since. */
  #nowMs(): number {
    const base = this.#lastRead ?? this.newest;
    if (base === null || !base.document.overview.read_at_ms) return Date.now();
    return base.document.overview.read_at_ms + (performance.now() - base.atMs);
  }

  #follow(): void {
    if (document.hidden || !this.isConnected) {
      this.#pause();
      return;
    }
    this.#timer ??= setInterval(() => {
      this.ticks += 1; // Ages grow also without news.
    }, REFRESH_MS);
    if (this.client === null || this.#unsubscribe !== null) return;
    this.#askHistory();
    this.#unsubscribe = this.client.subscribe(OPERATIONS_FEED, {
      onUpdate: (view) => this.take(view.document),
      onError: (message) => {
        this.refusal = `The server refuses the figures: ${message}.`;
      },
    });
  }

  #pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }
}
