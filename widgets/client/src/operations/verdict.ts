/** The verdict: its state in words and colour, what is wrong, since when, and what to do. */
import { html, nothing } from "lit";
import type { Finding, InstallationDocument } from "./document";
import { age, instant } from "./numbers";

/** The heading of a rule in docs/operations.md, as an anchor. */
export function anchorOf(rule: string): string {
  return `docs/operations.md#${rule.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
}

/** The sentence that is announced: without the ages, which change all the time. */
export function spokenVerdict({ verdict }: InstallationDocument): string {
  return `${verdict.state}: ${verdict.findings[0]?.what ?? "everything works"}`;
}

export function renderVerdict({ verdict }: InstallationDocument, nowMs: number, stale: string) {
  const [first, ...others] = verdict.findings;
  return html`
    <div class="ops-verdict" data-state=${verdict.state}>
      <p class="ops-verdict-line">
        <strong class="ops-state">${verdict.state}</strong>
        <span>${first === undefined ? verdict.sentence : renderFinding(first, nowMs)}</span>
      </p>
      ${first === undefined ? nothing : html`<p class="ops-advice"><b>What to do:</b> ${first.advice} <code>${anchorOf(first.rule)}</code></p>`}
      ${stale === "" ? nothing : html`<p class="ops-stale">${stale}</p>`}
    </div>
    ${others.length === 0 ? nothing : renderOthers(others, nowMs)}
  `;
}

function renderOthers(findings: readonly Finding[], nowMs: number) {
  return html`
    <details class="ops-findings" open>
      <summary>${findings.length} more ${findings.length === 1 ? "finding" : "findings"}</summary>
      <ul>
        ${findings.map(
          (finding) => html`
            <li data-state=${finding.severity}>
              <strong class="ops-state">${finding.severity}</strong> ${renderFinding(finding, nowMs)}
              ${finding.advice} <code>${anchorOf(finding.rule)}</code>
            </li>
          `,
        )}
      </ul>
    </details>
  `;
}

function renderFinding({ what, since_ms }: Finding, nowMs: number) {
  const sentence = `${what.charAt(0).toUpperCase()}${what.slice(1)}.`;
  if (!since_ms) return sentence;
  return html`${sentence} <span class="ops-since">Since ${instant(since_ms, nowMs)}, ${age(nowMs - since_ms)} ago.</span>`;
}
