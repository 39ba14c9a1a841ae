/** `<mdp-quote>`: everything about the selected symbol. Follows the row that is clicked or reached by keyboard. */
import { html, LitElement, nothing } from "lit";
import { styleMap } from "lit/directives/style-map.js";
import {
  ABSENT,
  formatChange,
  formatCompact,
  formatMarketTime,
  formatMultiple,
  formatPercent,
  formatPrice,
} from "../format";
import type { PageContext } from "../page";
import type { FeedView } from "../socket/feed-state";
import type { Value } from "../socket/messages";
import { barLength, signClass } from "./leaderboard/columns";
import { type QuoteFigures, quoteFigures } from "./quote-figures";

type Phase = "unselected" | "loading" | "ready" | { readonly error: string };

export class QuoteElement extends LitElement {
  static override properties = {
    context: { attribute: false },
    symbol: { state: true },
    phase: { state: true },
    figures: { state: true },
  };
  declare context: PageContext | undefined;
  declare private symbol: string | null;
  declare private phase: Phase;
  declare private figures: QuoteFigures | null;

  #unsubscribe: (() => void) | null = null;
  #endSelection: (() => void) | null = null;

  constructor() {
    super();
    this.symbol = null;
    this.phase = "unselected";
    this.figures = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const context = this.context;
    if (!context || !changed.has("context")) return;
    this.#endSelection?.();
    this.#endSelection = context.selection.onChange((symbol) => this.#follow(context, symbol));
    if (context.selection.symbol !== null) this.#follow(context, context.selection.symbol);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
    this.#endSelection?.();
  }

  protected override render() {
    return html`
      <section class="quote" aria-labelledby="quote-heading">
        <header class="quote-head">
          <h2 id="quote-heading"><span class="visually-hidden">Quote </span>${this.symbol ?? "Quote"}</h2>
          ${this.figures ? this.#renderPrice(this.figures) : nothing}
        </header>
        ${this.figures ? this.#renderFigures(this.figures) : this.#renderEmpty()}
      </section>
    `;
  }

  #renderEmpty() {
    if (typeof this.phase === "object")
      return html`<p class="quote-empty" role="alert">${this.phase.error}</p>`;
    if (this.phase === "unselected") return html`<p class="quote-empty">Select a row to see its quote.</p>`;
    if (this.phase === "loading") return html`<p class="quote-empty">Waiting for ${this.symbol}.</p>`;
    return html`<p class="quote-empty">${this.symbol} has not traded today.</p>`;
  }

  #renderPrice(figures: QuoteFigures) {
    return html`
      <span class="quote-price">${formatPrice(figures.price)}</span>
      <span class="quote-change ${signClass(figures.change)}">
        ${formatChange(figures.change)} <span class="quote-percent">${formatPercent(figures.percentChange)}</span>
      </span>
      <span class="quote-time" title="Time of the market, New York">${formatMarketTime(figures.marketTimeMs)} ET</span>
    `;
  }

  #renderFigures(figures: QuoteFigures) {
    return html`
      <div class="quote-book">
        ${side("Bid", figures.bidPrice, figures.bidSize)}
        <div class="quote-spread">
          <span class="label">Spread</span>
          <span>${figures.spread === null ? ABSENT : formatPrice(figures.spread)}</span>
          <span class="muted">${figures.spreadPercent === null ? "" : `${figures.spreadPercent.toFixed(2)}%`}</span>
        </div>
        ${side("Ask", figures.askPrice, figures.askSize)}
      </div>
      <div class="quote-range">
        <div class="range-ends">
          <span><span class="label">Low</span> ${formatPrice(figures.low)}</span>
          <span class="label">Range of the day</span>
          <span><span class="label">High</span> ${formatPrice(figures.high)}</span>
        </div>
        <div class="range-bar" role="img" aria-label=${rangeText(figures)}>
          ${marker("range-price", figures.rangePosition)} ${marker("range-vwap", figures.vwapPosition)}
        </div>
      </div>
      <dl class="quote-figures">
        ${figure("Volume", formatCompact(figures.volume))} ${figure("Average volume", formatCompact(figures.averageVolume))}
        <div class="figure">
          <dt>Relative volume</dt>
          <dd>
            ${formatMultiple(figures.relativeVolume)}
            <span class="volume-bar"><span style=${styleMap({ transform: `scaleX(${barLength(figures.relativeVolume)})` })}></span></span>
          </dd>
        </div>
        ${figure("Float", formatCompact(figures.float))} ${figure("VWAP", formatPrice(figures.vwap))}
        ${figure("Open", formatPrice(figures.open))} ${figure("Previous close", formatPrice(figures.previousClose))}
        ${figure("Since open", formatPercent(figures.percentChangeSinceOpen), signClass(figures.percentChangeSinceOpen))}
        ${figure("Last trade", lastTradeText(figures))}
      </dl>
    `;
  }

  #follow(context: PageContext, symbol: string): void {
    this.#unsubscribe?.();
    this.symbol = symbol;
    this.phase = "loading";
    this.figures = null;
    this.#unsubscribe = context.client.subscribe(`quote:${symbol}`, {
      onUpdate: (view) => this.#show(symbol, view),
      onError: (error) => {
        this.figures = null;
        this.phase = { error };
      },
    });
  }

  #show(symbol: string, view: FeedView): void {
    const row = view.rows.get(symbol);
    this.phase = "ready";
    this.figures = row ? quoteFigures((name) => view.value(row, name), view.marketTimeMs) : null;
  }
}

function side(label: string, price: Value, size: Value) {
  return html`
    <div class="quote-side">
      <span class="label">${label}</span>
      <span class="side-price">${formatPrice(price)}</span>
      <span class="muted">${size === null ? ABSENT : `× ${formatCompact(size)}`}</span>
    </div>
  `;
}

function figure(label: string, value: string, className = "") {
  return html`<div class="figure"><dt>${label}</dt><dd class=${className}>${value}</dd></div>`;
}

function marker(className: string, position: number | null) {
  if (position === null) return nothing;
  return html`<span class=${className} style=${styleMap({ left: `${(position * 100).toFixed(1)}%` })}></span>`;
}

function rangeText(figures: QuoteFigures): string {
  if (figures.rangePosition === null) return "Range of the day: not known";
  return `The price stands at ${Math.round(figures.rangePosition * 100)} percent of the day's range`;
}

function lastTradeText(figures: QuoteFigures): string {
  if (figures.lastPrice === null) return ABSENT;
  const size = figures.lastSize === null ? "" : ` × ${formatCompact(figures.lastSize)}`;
  return `${formatPrice(figures.lastPrice)}${size} at ${formatMarketTime(figures.lastTimeMs)}`;
}
