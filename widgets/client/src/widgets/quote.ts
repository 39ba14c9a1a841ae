/** `<mdp-quote>`: shows all figures of the selected symbol. */
import { html, LitElement, nothing } from "lit";
import { feedOf } from "../feeds";
import {
  ABSENT,
  barLength,
  explanation,
  formatCompact,
  formatDistance,
  formatMarked,
  formatMarketTime,
  formatPrice,
  markedExplanation,
  markedLabel,
  signClass,
} from "../format";
import { COLUMNS, type ColumnName } from "../generated/schema";
import type { PageContext } from "../page";
import type { FeedView } from "../socket/feed-state";
import type { Value } from "../socket/messages";
import { type QuoteFigures, quoteFigures, type Read, type ReadMark } from "./quote-figures";

/** One row of the market table, and its market time. */
interface Quote {
  readonly value: Read;
  readonly mark: ReadMark;
  readonly marketTimeMs: Value;
}

const TODAY: readonly ColumnName[] = [
  "official_open_price",
  "pct_change_since_open",
  "aggregate_vwap",
  "free_float",
  "float_rotation",
];
const VOLUME: readonly ColumnName[] = [
  "accumulated_volume",
  "avg_volume",
  "relative_volume",
  "prev_day_volume",
];
const PREVIOUS_DAY: readonly ColumnName[] = [
  "prev_day_close",
  "prev_day_open",
  "prev_day_high",
  "prev_day_low",
  "prev_day_vwap",
];
const MOMENTUM: readonly ColumnName[] = [
  "pct_change_1m",
  "pct_change_5m",
  "pct_change_15m",
  "vwap_distance_pct",
  "gap_pct",
];
const TRADES: readonly ColumnName[] = [
  "relative_volume_at_time",
  "trades_per_minute",
  "trade_average_size",
  "trade_largest_size",
  "average_true_range",
];
const HIGHS_AND_LOWS: readonly ColumnName[] = [
  "pre_market_high",
  "pre_market_low",
  "new_high_count",
  "new_low_count",
];
const NEWEST_SECOND: readonly ColumnName[] = ["open", "high", "low", "vwap", "volume", "average_size"];

type Phase = "unselected" | "loading" | "ready" | { readonly error: string };

export class QuoteElement extends LitElement {
  static override properties = {
    context: { attribute: false },
    symbol: { state: true },
    phase: { state: true },
    quote: { state: true },
  };
  declare context: PageContext | undefined;
  declare private symbol: string | null;
  declare private phase: Phase;
  declare private quote: Quote | null;

  #unsubscribe: (() => void) | null = null;
  #endSelection: (() => void) | null = null;

  constructor() {
    super();
    this.symbol = null;
    this.phase = "unselected";
    this.quote = null;
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
    this.requestUpdate("context"); // Follows the selection again if the element was removed and added again.
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
          ${this.quote ? this.#renderPrice(this.quote) : nothing}
        </header>
        ${this.quote ? this.#renderFigures(this.quote) : this.#renderEmpty()}
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

  #renderPrice(quote: Quote) {
    const { value, marketTimeMs } = quote;
    return html`
      <span class="quote-price">${formatPrice(quoteFigures(value).price)}</span>
      <span class="quote-change ${signClass(value("change"))}">
        ${text("change", quote)} <span class="quote-percent">${text("pct_change", quote)}</span>
      </span>
      ${value("is_halted") === 1 ? html`<span class="quote-mark">Halted ${text("halt_timestamp", quote)}</span>` : nothing}
      ${
        value("short_sale_restricted") === 1
          ? html`<abbr class="quote-mark" title=${explanation(COLUMNS.short_sale_restricted)}>${COLUMNS.short_sale_restricted.shortLabel}</abbr>`
          : nothing
      }
      <span class="quote-time" title="Time of the market, New York">${formatMarketTime(marketTimeMs)} ET</span>
    `;
  }

  #renderFigures(quote: Quote) {
    const { value } = quote;
    const figures = quoteFigures(value);
    return html`
      <div class="quote-book">
        ${cell("bid_price", quote, sizeText(value("bid_size")))}
        ${cell("ask_price", quote, sizeText(value("ask_size")))}
        ${cell("spread", quote, text("spread_pct", quote))}
        ${cell("last_price", quote, lastTradeText(quote))}
      </div>
      <div class="quote-range">
        <div class="range-ends">
          <span><span class="label">${markedLabel(COLUMNS.day_low.shortLabel, quote.mark("day_low"))}</span> ${text("day_low", quote)}</span>
          <span class="label">Range of the day</span>
          <span><span class="label">${markedLabel(COLUMNS.day_high.shortLabel, quote.mark("day_high"))}</span> ${text("day_high", quote)}</span>
        </div>
        <div class="range-bar" role="img" aria-label=${rangeText(figures)}>
          ${marker("range-vwap", figures.vwapPosition)} ${marker("range-price", figures.rangePosition)}
        </div>
      </div>
      <div class="quote-groups">
        ${group("Today", TODAY, quote)}
        ${group("Volume", VOLUME, quote, figure("Dollar volume", "What today's shares cost", formatCompact(figures.dollarVolume)))}
        ${group("Previous day", PREVIOUS_DAY, quote)}
        ${group("Momentum", MOMENTUM, quote)}
        ${group("Trades", TRADES, quote)}
        ${group("Highs and lows", HIGHS_AND_LOWS, quote)}
        ${group("Newest second of trading", NEWEST_SECOND, quote, nothing, "quote-second")}
      </div>
    `;
  }

  #follow(context: PageContext, symbol: string): void {
    this.#unsubscribe?.();
    this.symbol = symbol;
    this.phase = "loading";
    this.quote = null;
    this.#unsubscribe = context.client.subscribe(feedOf("quote:{symbol}", symbol), {
      onUpdate: (view) => this.#show(symbol, view),
      onError: (error) => {
        this.quote = null;
        this.phase = { error };
      },
    });
  }

  #show(symbol: string, view: FeedView): void {
    const row = view.rows.get(symbol);
    this.phase = "ready";
    this.quote = row
      ? {
          value: (name) => view.value(row, name),
          mark: (name) => view.mark(name),
          marketTimeMs: view.marketTimeMs,
        }
      : null;
  }
}

/** The formatted value of a column. */
function text(column: ColumnName, { value, mark }: Quote): string {
  return formatMarked(COLUMNS[column], value(column), mark(column));
}

function cell(column: ColumnName, quote: Quote, detail: string) {
  const mark = quote.mark(column);
  const isDistance = column === "spread" && mark !== "off";
  const shown = isDistance ? formatDistance(quote.value(column)) : text(column, quote);
  return html`
    <div class="book-cell">
      <span class="label" title=${markedExplanation(explanation(COLUMNS[column]), mark)}>${markedLabel(COLUMNS[column].shortLabel, mark)}</span>
      <span class="book-value">${shown}</span>
      <span class="muted">${detail}</span>
    </div>
  `;
}

function group(
  label: string,
  columns: readonly ColumnName[],
  quote: Quote,
  further: unknown = nothing,
  className = "",
) {
  return html`<dl class="quote-figures ${className}" aria-label=${label}>${columns.map((column) => columnFigure(column, quote))} ${further}</dl>`;
}

function columnFigure(name: ColumnName, quote: Quote) {
  const { value } = quote;
  const column = COLUMNS[name];
  const mark = quote.mark(name);
  const className = column.signed ? signClass(value(name)) : "";
  const bar = name === "relative_volume" ? barLength(value(name)) : undefined;
  const label = mark === "off" ? column.shortLabel : markedLabel(column.shortLabel, mark);
  return figure(label, markedExplanation(explanation(column), mark), text(name, quote), className, bar);
}

/** One figure with its label. `bar`, from 0 to 1, is the length of the bar below it. */
function figure(label: string, tooltip: string, shown: string, className = "", bar?: number) {
  const filled =
    bar === undefined
      ? nothing
      : html`<span class="figure-bar" .style=${`width: ${(100 * bar).toFixed(0)}%`}></span>`;
  return html`<div class="figure"><dt title=${tooltip}>${label}</dt><dd class=${className}>${shown}${filled}</dd></div>`;
}

// The style is set as a property: the content security policy refuses style attributes.
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

function lastTradeText(quote: Quote): string {
  const { value } = quote;
  if (value("last_price") === null) return ABSENT;
  return `${sizeText(value("last_size"))} at ${text("last_timestamp", quote)}`;
}
