/** Where a process tells more of itself: its health endpoints, and the fields of its log lines and traces. */
import { html, nothing, type TemplateResult } from "lit";
import type { ProcessReport, ProcessView } from "./document";

/** What a process may report as its address. Another text is not made a link. */
const ADDRESS = /^(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5}$/i;

/** The service whose processes answer at the address of this page. */
const WEB = "web";

export function renderSelfDescription({ report, life }: ProcessView): TemplateResult {
  const base = life === "running" ? baseOf(report) : null;
  return html`
    ${
      base === null
        ? nothing
        : html`<a href=${`${base}/readyz`} target="_blank" rel="noopener noreferrer">health</a> <a href=${`${base}/metrics`} target="_blank" rel="noopener noreferrer">metrics</a>`
    }
    <code class="ops-log-fields" title="The log lines of this process have these fields. Its traces have service.instance.id."><span>service=${report.name}</span> <span>pid=${report.pid}</span></code>
  `;
}

/** The begin of the addresses of a process; `null` if it has none. A page's own web process has that of the page. */
export function baseOf({ health_address, service }: ProcessReport): string | null {
  if (health_address) return ADDRESS.test(health_address) ? `http://${health_address}` : null;
  return service === WEB ? "" : null;
}
