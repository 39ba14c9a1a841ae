/**
 * `<mdp-alerts high="daily_range_hod_alert" low="daily_range_lod_alert" halt="halts">`: new highs and lows of the day,
 * halts and their ends, newest first.
 *
 * It is a table, not a grid: there are few rows, and they only move down. A click or Enter selects the symbol. While
 * a pointer or the keyboard focus is in the list, it does not change.
 */
import { html, LitElement } from "lit";
import { repeat } from "lit/directives/repeat.js";
import {
  explanation,
  formatColumn,
  formatMarketTime,
  markedExplanation,
  markedLabel,
  signClass,
} from "../format";
import { COLUMNS, type ColumnName } from "../generated/schema";
import type { PageContext } from "../page";
import type { FeedListener } from "../socket/feed-client";
import type { ColumnMark, FeedView } from "../socket/feed-state";
import type { Value } from "../socket/messages";
import { ALERT_COLUMNS, type AlertKind, type AlertRow, alertRows, newestFirst } from "./alert-rows";

/** The maximum number of rows. The feeds have more, but people do not read that many. */
const SHOWN_ALERTS = 100;
const SHOWN_COLUMNS: readonly ColumnName[] = ["price", "level", "pct_change", "relative_volume"];
const KINDS: readonly AlertKind[] = ["high", "low", "halt"];
const LABELS: Readonly<Record<AlertKind, string>> = { high: "Highs", low: "Lows", halt: "Halts" };

export class AlertsElement extends LitElement {
  static override properties = {
    high: { type: String },
    low: { type: String },
    halt: { type: String },
    context: { attribute: false },
    phase: { state: true },
    shown: { state: true },
    rows: { state: true },
    held: { state: true },
    selected: { state: true },
    marks: { state: true },
  };
  declare high: string;
  declare low: string;
  declare halt: string;
  declare context: PageContext | undefined;
  declare private phase: "loading" | "ready" | { readonly error: string };
  /** The kinds that are shown, at least one. */
  declare private shown: ReadonlySet<AlertKind>;
  declare private rows: readonly AlertRow[];
  declare private held: boolean;
  declare private selected: string | null;
  /** What must be said of each kind: that it is off, or since when it counts. */
  declare private marks: ReadonlyMap<AlertKind, ColumnMark>;

  readonly #lists = new Map<AlertKind, readonly AlertRow[]>();
  #cleanups: (() => void)[] = [];

  constructor() {
    super();
    this.high = "";
    this.low = "";
    this.halt = "";
    this.phase = "loading";
    this.shown = new Set(KINDS);
    this.rows = [];
    this.held = false;
    this.selected = null;
    this.marks = new Map();
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("context"); // Subscribes again if the element was removed from the page and added again.
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const context = this.context;
    if (!context || !this.isConnected || !changed.has("context")) return;
    this.#end();
    this.selected = context.selection.symbol;
    this.#cleanups = [
      ...KINDS.map((kind) => this.#subscribe(context, kind)),
      context.selection.onChange((symbol) => {
        this.selected = symbol;
      }),
    ];
  }

  protected override render() {
    return html`
      <section class="alerts" aria-labelledby="alerts-heading">
        <header class="board-head">
          <h2 id="alerts-heading">Alerts</h2>
          <span class="board-held" ?data-shown=${this.held}>Held</span>
          <span class="alert-kinds" role="group" aria-label="Show">
            ${KINDS.map(
              (kind) => html`
                <button type="button" class="alert-kind" aria-pressed=${this.shown.has(kind)} title=${markedExplanation(LABELS[kind], this.#mark(kind))} @click=${() => this.#toggle(kind)}>${markedLabel(LABELS[kind], this.#mark(kind))}</button>
              `,
            )}
          </span>
        </header>
        <div
          class="alert-list"
          tabindex="0"
          role="region"
          aria-label="Alerts"
          @pointerenter=${() => this.#hold(true)}
          @pointerleave=${() => this.#hold(false)}
          @focusin=${(event: FocusEvent) => this.#hold(isKeyboard(event.target))}
          @focusout=${() => this.#hold(false)}
        >
          ${this.#renderRows()}
        </div>
      </section>
    `;
  }

  #renderRows() {
    if (typeof this.phase === "object") {
      return html`<p class="alerts-empty" role="alert">${this.phase.error}</p>`;
    }
    if (this.phase === "loading") return html`<p class="alerts-empty">Waiting for alerts.</p>`;
    if (this.rows.length === 0)
      return html`<p class="alerts-empty">No high or low of the day was broken yet, and no symbol was halted.</p>`;
    return html`
      <table class="alert-table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Symbol</th>
            ${SHOWN_COLUMNS.map((name) => html`<th scope="col" class="number" title=${explanation(COLUMNS[name])}>${COLUMNS[name].shortLabel}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${repeat(
            this.rows,
            ({ key }) => key,
            (row) => this.#renderRow(row),
          )}
        </tbody>
      </table>
    `;
  }

  #renderRow(row: AlertRow) {
    const { sign, look, words } = row.happening;
    return html`
      <tr class=${row.symbol === this.selected ? "selected" : ""} @click=${() => this.#select(row.symbol)}>
        <td>${formatMarketTime(row.timeMs)}</td>
        <td>
          <button type="button" class="alert-symbol">
            <span class=${look} aria-hidden="true">${sign}</span>
            ${row.symbol}<span class="visually-hidden"> ${words}</span>
          </button>
        </td>
        ${SHOWN_COLUMNS.map((name) => (row.kind === "halt" && name === "level" ? renderWords(words) : renderValue(name, row.value(name))))}
      </tr>
    `;
  }

  #subscribe(context: PageContext, kind: AlertKind): () => void {
    const listener: FeedListener = {
      onUpdate: (view) => {
        this.#lists.set(kind, alertRows(kind, view));
        this.marks = new Map(this.marks).set(kind, markOf(kind, view));
        this.phase = "ready";
        if (!this.held) this.#draw();
      },
      onError: (error) => {
        this.phase = { error };
      },
    };
    return context.client.subscribe(this[kind], listener, { columns: ALERT_COLUMNS[kind] });
  }

  #toggle(kind: AlertKind): void {
    const shown = new Set(this.shown);
    if (!shown.delete(kind)) shown.add(kind);
    this.shown = shown.size > 0 ? shown : new Set(KINDS.filter((other) => other !== kind));
    this.#draw();
  }

  #mark(kind: AlertKind): ColumnMark {
    return this.marks.get(kind) ?? null;
  }

  #hold(held: boolean): void {
    this.held = held;
    if (!held) this.#draw();
  }

  #draw(): void {
    const lists = KINDS.filter((kind) => this.shown.has(kind)).map((kind) => this.#lists.get(kind) ?? []);
    this.rows = newestFirst(lists, SHOWN_ALERTS);
  }

  #select(symbol: string): void {
    this.context?.selection.select(symbol);
  }

  #end(): void {
    for (const cleanup of this.#cleanups) cleanup();
    this.#cleanups = [];
  }
}

/** Alerts count since the latest time since which one of their columns counts. */
function markOf(kind: AlertKind, view: FeedView): ColumnMark {
  if (view.isOff) return "off";
  const since = ALERT_COLUMNS[kind].map((name) => view.mark(name)).filter((mark) => typeof mark === "number");
  return since.length > 0 ? Math.max(...since) : null;
}

function renderValue(name: ColumnName, value: Value) {
  const column = COLUMNS[name];
  const look = column.signed ? signClass(value) : name === "level" ? "muted" : "";
  return html`<td class="number ${look}">${formatColumn(column)(value)}</td>`;
}

/** A halt broke no level: that cell says what it is. Screen readers have read the words beside the symbol. */
function renderWords(words: string) {
  return html`<td class="number muted alert-words"><span aria-hidden="true">${words}</span></td>`;
}

/** Whether the target has keyboard focus. A click also sets the focus, but it is not visible and must not hold the list. */
function isKeyboard(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(":focus-visible");
}
