/** `<mdp-leaderboard feed="scanners:top_gainers" heading="Top gainers">`: shows one board of the scanner. */
import { html, LitElement, nothing } from "lit";
import { type PageContext, styleNonce } from "../../page";
import { describeConnection } from "../../socket/connection-report";
import { USUAL } from "../../socket/feed-choice";
import type { FeedListener } from "../../socket/feed-client";
import type { FeedUpdate, FeedView } from "../../socket/feed-state";
import { ageText } from "./age-text";
import { BoardGrid } from "./board-grid";
import { BoardRows, type RowChanges } from "./board-rows";
import { columnsOf } from "./columns";
import { OrderHold } from "./order-hold";

export class LeaderboardElement extends LitElement {
  static override properties = {
    feed: { type: String },
    heading: { type: String },
    autoselect: { type: Boolean },
    emptyText: { type: String, attribute: "empty-text" },
    quiet: { type: Boolean },
    inactive: { type: Boolean, reflect: true },
    hz: { type: Number },
    context: { attribute: false },
    phase: { state: true },
    held: { state: true },
    count: { state: true },
    off: { state: true },
    oldText: { state: true },
  };
  declare feed: string;
  declare heading: string;
  /** Selects the first row for the whole page if no symbol is selected yet. */
  declare autoselect: boolean;
  /** The text on an empty board. */
  declare emptyText: string;
  /** The board changes rarely, so it shows no age. */
  declare quiet: boolean;
  /** The board is behind another tab, so it is not subscribed to. */
  declare inactive: boolean;
  /** The most updates a second; `null` for the fastest rate of the feed. */
  declare hz: number | null;
  declare context: PageContext | undefined;
  declare private phase: "loading" | "ready" | { readonly error: string };
  declare private held: boolean;
  declare private count: number;
  /** An operator has switched the board off. */
  declare private off: boolean;
  declare private oldText: string;

  #rows = new BoardRows();
  #grid: BoardGrid | null = null;
  #view: FeedView | null = null;
  #hold: OrderHold | null = null;
  #cleanups: (() => void)[] = [];
  #unsubscribe: (() => void) | null = null;

  constructor() {
    super();
    this.feed = "";
    this.heading = "";
    this.autoselect = false;
    this.emptyText = "";
    this.quiet = false;
    this.inactive = false;
    this.hz = null;
    this.phase = "loading";
    this.held = false;
    this.count = 0;
    this.off = false;
    this.oldText = "";
  }

  /** No shadow root: then AG Grid adds its styles once, and the page's stylesheet reserves the space early. */
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("context"); // Starts again if the element was removed from the page and added again.
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const cleanup of this.#cleanups) cleanup();
    this.#cleanups = [];
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#grid?.destroy();
    this.#grid = null;
    this.#view = null;
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (!this.isConnected || !this.context) return;
    if (this.#grid === null && !this.inactive) this.#start(this.context);
    if (["feed", "inactive", "hz", "context"].some((name) => changed.has(name)))
      this.#resubscribe(this.context);
  }

  protected override render() {
    const headingId = `board-${this.feed.replace(/\W/g, "-")}`;
    return html`
      <section class="board" aria-labelledby=${headingId}>
        <header class="board-head">
          <h2 id=${headingId}>${this.heading}</h2>
          <span class="board-held" ?data-shown=${this.held}>Order held</span>
          <span class="board-age">${this.oldText}</span>
          <span class="board-count">${this.count > 0 ? `${this.count} symbols` : nothing}</span>
        </header>
        <div class="board-body">
          <div class="board-grid"></div>
          ${this.#renderOverlay()}
        </div>
      </section>
    `;
  }

  #renderOverlay() {
    if (typeof this.phase === "object") {
      return html`<div class="board-overlay" role="alert"><p><strong>This board cannot be shown.</strong></p><p>${this.phase.error}</p></div>`;
    }
    if (this.phase === "loading") {
      const rows = Array.from({ length: 12 }, () => html`<div class="skeleton"></div>`);
      return html`<div class="board-overlay loading" aria-label="Loading" role="img">${rows}</div>`;
    }
    if (this.count > 0) return nothing;
    if (this.off)
      return html`<div class="board-overlay"><p><strong>This board is off.</strong></p><p>An operator has switched it off, or the column that ranks it.</p></div>`;
    return html`<div class="board-overlay"><p><strong>No symbol is on this board.</strong></p><p>${this.emptyText}</p></div>`;
  }

  #start(context: PageContext): void {
    const container = this.querySelector<HTMLElement>(".board-grid");
    if (container === null) return;
    this.#rows = new BoardRows();
    this.#grid = new BoardGrid({
      container,
      label: this.heading,
      styleNonce: styleNonce(document),
      columns: columnsOf(this.feed),
      isGone: (symbol) => this.#rows.isGone(symbol),
      onSelect: (symbol) => context.selection.select(symbol),
    });
    this.#hold = new OrderHold(container, (held) => this.#setHeld(held));
    const ageTimer = setInterval(() => this.#showAge(context), 1000);
    this.#cleanups = [
      () => clearInterval(ageTimer),
      context.client.onConnectionChange(() => this.#showAge(context)),
      () => this.#hold?.disconnect(),
      context.selection.onChange((symbol) => this.#grid?.select(symbol)),
    ];
  }

  #resubscribe(context: PageContext): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.inactive || this.feed === "") return;
    this.phase = "loading";
    const listener: FeedListener = {
      onUpdate: (view, update) => this.#update(context, view, update),
      onError: (error) => {
        this.phase = { error };
      },
    };
    this.#unsubscribe = context.client.subscribe(
      this.feed,
      listener,
      this.hz === null ? USUAL : { hz: this.hz },
    );
  }

  #update(context: PageContext, view: FeedView, update: FeedUpdate): void {
    this.#view = view;
    this.#grid?.bind(view);
    this.#apply(this.#rows.apply(view, update));
    this.#grid?.showMarks(view);
    this.phase = "ready";
    this.off = view.isOff;
    this.count = this.#rows.count;
    this.#showAge(context);
    if (this.autoselect && context.selection.symbol === null) {
      const first = this.#grid?.firstSymbol() ?? null;
      if (first !== null) context.selection.select(first);
    }
  }

  #apply(changes: RowChanges): void {
    this.#grid?.apply(changes);
    // If the selected symbol comes (back) onto the board, its row must be marked.
    if (changes.add.length > 0) this.#grid?.select(this.context?.selection.symbol ?? null);
  }

  #setHeld(held: boolean): void {
    this.held = held;
    this.#grid?.setHeld(held);
    if (held) {
      this.#rows.hold();
      return;
    }
    this.#apply(this.#rows.release());
    this.#grid?.sort();
  }

  #showAge(context: PageContext): void {
    const now = performance.now();
    const age = this.quiet ? null : (this.#view?.ageMs(now) ?? null);
    this.oldText = ageText(age, describeConnection(context.client.facts, now, context.config.states));
  }
}
