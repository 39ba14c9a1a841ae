/** The state of the verdict over the last 15 minutes, as a strip. */
import { html, svg } from "lit";
import { HISTORY_MS, type History } from "./history";
import { age, instant } from "./numbers";

const WIDTH = 1_000;
const HEIGHT = 10;

export function renderStateStrip(history: History) {
  const endMs = history.newestAtMs;
  const startMs = endMs - HISTORY_MS;
  const spans = history.states().filter(({ fromMs, toMs }) => toMs > fromMs);
  const place = (atMs: number) => ((Math.max(atMs, startMs) - startMs) / HISTORY_MS) * WIDTH;
  return html`
    <svg class="ops-strip" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${spoken(spans, endMs)}>
      ${spans.map(
        ({ fromMs, toMs, state }) => svg`
        <rect data-state=${state ?? "none"} x=${place(fromMs)} y="0" width=${place(toMs) - place(fromMs)} height=${HEIGHT}>
          <title>${`${state ?? "no figures"} from ${instant(fromMs, endMs)} for ${age(toMs - fromMs)}`}</title>
        </rect>`,
      )}
    </svg>
  `;
}

function spoken(spans: ReturnType<History["states"]>, endMs: number): string {
  const bad = spans.filter(({ state }) => state !== "healthy");
  if (bad.length === 0) return "Verdict of the last 15 minutes: healthy where it is known";
  const named = bad.slice(-5).map(({ state, fromMs, toMs }) => {
    return `${state ?? "no figures"} from ${instant(fromMs, endMs)} for ${age(toMs - fromMs)}`;
  });
  return `Verdict of the last 15 minutes, not healthy: ${named.join("; ")}`;
}
