/** `<mdp-history-chart>`: some series of the history as lines. */
import { html, LitElement } from "lit";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { HISTORY_MS, type History, type Series } from "./history";

export interface Line {
  readonly series: Series;
  readonly label: string;
  /** The newest value as text, with its unit. */
  readonly text: (value: number | null) => string;
}

const HEIGHT_PX = 150;
const COLOURS = ["--ops-line-1", "--ops-line-2"] as const;
const AXIS_PX = 58;

export class HistoryChartElement extends LitElement {
  static override properties = {
    heading: {},
    lines: { attribute: false },
    history: { attribute: false },
    revision: { type: Number },
  };
  declare heading: string;
  declare lines: readonly Line[];
  declare history: History | undefined;
  /** Changes with each new point. */
  declare revision: number;

  #plot: uPlot | null = null;
  readonly #resized = new ResizeObserver(() => this.#fit());

  constructor() {
    super();
    this.heading = "";
    this.lines = [];
    this.revision = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  protected override render() {
    const values = this.lines.map(({ series, label, text }) => ({
      label,
      value: text(this.history?.newest(series) ?? null),
    }));
    const spoken = values.map(({ label, value }) => `${label} ${value}`).join(", ");
    return html`
      <figure class="ops-chart">
        <figcaption>
          <span class="ops-chart-title">${this.heading}</span>
          ${values.map(({ label, value }, index) => html`<span class="ops-legend" data-line=${index + 1}>${label} <b>${value}</b></span>`)}
        </figcaption>
        <div class="ops-plot" role="img" aria-label=${`${this.heading}, now: ${spoken}`}></div>
      </figure>
    `;
  }

  protected override updated(): void {
    const place = this.querySelector<HTMLElement>(".ops-plot");
    if (place === null || this.history === undefined) return;
    const data = this.history.columns(this.lines.map(({ series }) => series));
    if (this.#plot === null) {
      this.#plot = new uPlot(this.#options(place), data, place);
      this.#resized.observe(place);
    } else {
      this.#plot.setData(data);
    }
  }

  #fit(): void {
    const place = this.querySelector<HTMLElement>(".ops-plot");
    if (place !== null) this.#plot?.setSize({ width: place.clientWidth, height: HEIGHT_PX });
  }

  #options(place: HTMLElement): uPlot.Options {
    // Colours are asked for at each drawing: the theme of the admin may change.
    const colour = (name: string) => () => getComputedStyle(this).getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--ops-quiet"),
      grid: { stroke: colour("--ops-grid"), width: 1 },
      ticks: { show: false },
      font: "11px sans-serif",
    };
    return {
      width: place.clientWidth || 300,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { range: (_plot, _from, to) => [to - HISTORY_MS / 1_000, to] },
        y: { range: (_plot, _from, to) => [0, Math.max(1, (to ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, size: 28, values: (_plot, ticks) => ticks.map(clock), space: 70 },
        {
          ...axis,
          size: AXIS_PX,
          values: (_plot, ticks) => ticks.map((tick) => tick.toLocaleString("en-US")),
        },
      ],
      series: [
        {},
        ...this.lines.map((_line, index) => ({
          stroke: colour(COLOURS[index] ?? COLOURS[0]),
          width: 1.5,
          points: { show: false },
        })),
      ],
    };
  }
}

function clock(epochSeconds: number): string {
  return new Date(epochSeconds * 1_000).toISOString().slice(11, 16);
}
