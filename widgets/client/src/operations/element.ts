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
import { type InstallationDocument, isRead, readDocument, withoutNews } from "./document";
import { flowOf, renderFlow } from "./flow";
import { History } from "./history";
import { age, rate, span } from "./numbers";
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
];

/** A document, and when it arrived by the page's monotonic clock. */
interface Arrived {
  readonly document: InstallationDocument;
  readonly atMs: number;
}

export class OperationsElement extends LitElement {
  static override properties = { newest: { state: true }, refusal: { state: true }, ticks: { state: true } };
  declare private newest: Arrived | null;
  declare private refusal: string;
  declare private ticks: number;

  client: FeedClient | null = null;
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
    this.#history.add(document.overview.read_at_ms || this.#nowMs(), read ? document.overview : null);
  }

  /** Begins to follow the feed. Call it once. */
  start(client: FeedClient): void {
    this.client = client;
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
        <h2>Last 15 min <small>as this page has seen them since it was opened; times are UTC</small></h2>
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

  /** What takes the place of the newest document when it is too old to be called the present state. */
  #silence(nowMs: number): InstallationDocument {
    this.#history.add(nowMs, null);
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
