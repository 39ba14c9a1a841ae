/** `<mdp-quote>`: everything about the selected symbol. Follows the row that is clicked or reached by keyboard. */
import { html, LitElement, nothing } from "lit";
import {
  ABSENT,
  formatChange,
  formatCompact,
  formatDistance,
  formatInteger,
  formatMarketTime,
  formatMultiple,
  formatPercent,
  formatPrice,
  formatShare,
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

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("context"); // Follows the selection anew after it was taken out of the page.
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
    this.#endSelection?.();
  }

  protected override render() {
    return html`
      <section class="quote" tabindex="0" aria-labelledby="quote-heading">
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
      ${figures.isHalted ? html`<span class="quote-mark">Halted ${formatMarketTime(figures.haltedAtMs)}</span>` : nothing}
      ${
        figures.isShortSaleRestricted
          ? html`<abbr class="quote-mark" title="Short sales are restricted (SEC rule 201), as prices tell">SSR</abbr>`
          : nothing
      }
      <span class="quote-time" title="Time of the market, New York">${formatMarketTime(figures.marketTimeMs)} ET</span>
    `;
  }

  #renderFigures(figures: QuoteFigures) {
    return html`
      <div class="quote-book">
        ${cell("Bid", formatPrice(figures.bidPrice), sizeText(figures.bidSize))}
        ${cell("Ask", formatPrice(figures.askPrice), sizeText(figures.askSize))}
        ${cell("Spread", formatDistance(figures.spread), percentText(figures.spreadPercent))}
        ${cell("Last trade", formatPrice(figures.lastPrice), lastTradeText(figures))}
      </div>
      <div class="quote-range">
        <div class="range-ends">
          <span><span class="label">Low</span> ${formatPrice(figures.low)}</span>
          <span class="label">Range of the day</span>
          <span><span class="label">High</span> ${formatPrice(figures.high)}</span>
        </div>
        <div class="range-bar" role="img" aria-label=${rangeText(figures)}>
          ${marker("range-vwap", figures.vwapPosition)} ${marker("range-price", figures.rangePosition)}
        </div>
      </div>
      <div class="quote-groups">
        <dl class="quote-figures" aria-label="Today">
          ${figure("Open", formatPrice(figures.open))}
          ${figure("Since open", formatPercent(figures.percentChangeSinceOpen), signClass(figures.percentChangeSinceOpen))}
          ${figure("VWAP", formatPrice(figures.vwap))}
          ${figure("Float", formatCompact(figures.float))}
          ${figure("Float traded", formatShare(figures.floatTraded))}
        </dl>
        <dl class="quote-figures" aria-label="Volume">
          ${figure("Volume", formatCompact(figures.volume))}
          ${figure("Avg volume", formatCompact(figures.averageVolume))}
          ${figure("Rel volume", formatMultiple(figures.relativeVolume), "", barLength(figures.relativeVolume))}
          ${figure("Prev volume", formatCompact(figures.previousVolume))}
          ${figure("Dollar volume", formatCompact(figures.dollarVolume))}
        </dl>
        <dl class="quote-figures" aria-label="Previous day">
          ${figure("Prev close", formatPrice(figures.previousClose))}
          ${figure("Prev open", formatPrice(figures.previousOpen))}
          ${figure("Prev high", formatPrice(figures.previousHigh))}
          ${figure("Prev low", formatPrice(figures.previousLow))}
          ${figure("Prev VWAP", formatPrice(figures.previousVwap))}
        </dl>
        <dl class="quote-figures" aria-label="Momentum">
          ${signedFigure("1 min", figures.percentChange1m)}
          ${signedFigure("5 min", figures.percentChange5m)}
          ${signedFigure("15 min", figures.percentChange15m)}
          ${signedFigure("From VWAP", figures.vwapDistance)}
          ${signedFigure("Gap", figures.gap)}
        </dl>
        <dl class="quote-figures" aria-label="Trades">
          ${figure("Rel vol now", formatMultiple(figures.relativeVolumeNow))}
          ${figure("Trades/min", formatInteger(figures.tradesPerMinute))}
          ${figure("Avg trade", formatCompact(figures.averageTrade))}
          ${figure("Largest trade", formatCompact(figures.largestTrade))}
          ${figure("ATR", formatPrice(figures.averageTrueRange))}
        </dl>
        <dl class="quote-figures" aria-label="Highs and lows">
          ${figure("Pre-mkt high", formatPrice(figures.preMarketHigh))}
          ${figure("Pre-mkt low", formatPrice(figures.preMarketLow))}
          ${figure("New highs", formatInteger(figures.newHighs))}
          ${figure("New lows", formatInteger(figures.newLows))}
        </dl>
        <dl class="quote-figures quote-second" aria-label="Newest second of trading">
          ${figure("1 s open", formatPrice(figures.secondOpen))}
          ${figure("1 s high", formatPrice(figures.secondHigh))}
          ${figure("1 s low", formatPrice(figures.secondLow))}
          ${figure("1 s VWAP", formatPrice(figures.secondVwap))}
          ${figure("1 s volume", formatCompact(figures.secondVolume))}
          ${figure("1 s trade size", formatCompact(figures.secondTradeSize))}
        </dl>
      </div>
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

function cell(label: string, value: string, detail: string) {
  return html`
    <div class="book-cell">
      <span class="label">${label}</span>
      <span class="book-value">${value}</span>
      <span class="muted">${detail}</span>
    </div>
  `;
}

/** With `bar`, from 0 to 1, the line below the figure fills to that length. */
function figure(label: string, value: string, className = "", bar?: number) {
  const filled =
    bar === undefined
      ? nothing
      : html`<span class="figure-bar" .style=${`width: ${(100 * bar).toFixed(0)}%`}></span>`;
  return html`<div class="figure"><dt>${label}</dt><dd class=${className}>${value}${filled}</dd></div>`;
}

function signedFigure(label: string, percent: Value) {
  return figure(label, formatPercent(percent), signClass(percent));
}

// As a property and not as an attribute: the content security policy refuses style attributes.
function marker(className: string, position: number | null) {
  if (position === null) return nothing;
  return html`<span class=${className} .style=${`left: ${(position * 100).toFixed(1)}%`}></span>`;
}

function rangeText(figures: QuoteFigures): string {
  if (figures.rangePosition === null) return "Range of the day: not known";
  return `The price stands at ${Math.round(figures.rangePosition * 100)} percent of the day's range`;
}

function sizeText(size: Value): string {
  return size === null ? ABSENT : `× ${formatCompact(size)}`;
}

function percentText(value: Value): string {
  return value === null ? ABSENT : `${value.toFixed(2)}%`;
}

function lastTradeText(figures: QuoteFigures): string {
  if (figures.lastPrice === null) return ABSENT;
  return `${sizeText(figures.lastSize)} at ${formatMarketTime(figures.lastTimeMs)}`;
}
