/** `<mdp-connection>`: shows whether the data is live, its age, and the market time. */
import { html, LitElement } from "lit";
import { formatAge, formatMarketTime } from "../format";
import type { PageContext } from "../page";
import { CONNECTING, type ConnectionReport, describeConnection } from "../socket/connection-report";
import { RateLimitedText } from "./rate-limited-text";

const REFRESH_MS = 500;
/** A screen reader announces the same state again only after this time, so that a changing connection is not noisy. */
const ANNOUNCE_AGAIN_AFTER_MS = 10_000;

export class ConnectionElement extends LitElement {
  static override properties = {
    context: { attribute: false },
    report: { state: true },
    ageText: { state: true },
    timeText: { state: true },
    announced: { state: true },
  };
  declare context: PageContext | undefined;
  declare private report: ConnectionReport;
  declare private ageText: string;
  declare private timeText: string;
  declare private announced: string;

  readonly #announcements = new RateLimitedText(ANNOUNCE_AGAIN_AFTER_MS);
  #timer: ReturnType<typeof setInterval> | undefined;
  #endListening: (() => void) | null = null;

  constructor() {
    super();
    this.report = CONNECTING;
    this.ageText = formatAge(null);
    this.timeText = formatMarketTime(null);
    this.announced = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("context"); // Listens again if the element was removed from the page and added again.
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.#endListening?.();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has("context") || !this.context) return;
    this.#endListening?.();
    this.#endListening = this.context.client.onConnectionChange(() => this.#refresh());
    this.#refresh();
  }

  protected override render() {
    const { alarm, label, detail, notes } = this.report;
    return html`
      <div class="connection" data-alarm=${alarm}>
        <span class="connection-state" title=${detail}><span class="connection-mark" aria-hidden="true"></span>${label}</span>
        ${notes.map(({ words, meaning }) => html`<span class="connection-note" title=${meaning}>${words}</span>`)}
        <span class="connection-item"><span class="label">Age</span> <span class="connection-age">${this.ageText}</span></span>
        <span class="connection-item"><span class="label">Market</span> <span class="connection-time">${this.timeText}</span> <span class="label">ET</span></span>
        ${this.#renderDetail()}
        <span class="visually-hidden" role="status">${this.announced}</span>
      </div>
    `;
  }

  #renderDetail() {
    const { loggedOut, detail } = this.report;
    if (loggedOut) return html`<a class="connection-detail" href=${location.pathname}>Log in again</a>`;
    return html`<span class="connection-detail" title=${detail}>${detail}</span>`;
  }

  #refresh(): void {
    if (this.context === undefined) return;
    const { client, config } = this.context;
    const now = performance.now();
    this.report = describeConnection(client.facts, now, config.states);
    this.ageText = formatAge(client.ageMs);
    this.timeText = formatMarketTime(client.marketTimeMs);
    // Only the state is announced. The detail may contain seconds, which change all the time.
    this.announced = this.#announcements.limited(`Market data: ${this.report.label}`, now);
  }
}
