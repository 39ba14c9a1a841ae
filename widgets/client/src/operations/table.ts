/** A table of the operations page: a caption, titles, and a row for each entry. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

export interface Column<T> {
  readonly title: string;
  /** Numbers stand at the right, with figures of one width. */
  readonly isNumber?: boolean;
  /** Words that may need more than one line. */
  readonly isText?: boolean;
  /** Bytes of outside, which may be long and without blanks. */
  readonly isBytes?: boolean;
  /** The name of the row: a heading for assistive technology. */
  readonly isName?: boolean;
  readonly cell: (row: T) => unknown;
}

export interface Table<T> {
  readonly id: string;
  readonly caption: string;
  /** A few words beside the caption. */
  readonly note?: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly key: (row: T) => string;
  /** The look of a row: `bad`, `gone`, or nothing. */
  readonly look?: (row: T) => "bad" | "warn" | "gone" | "";
  /** What stands between the caption and the rows. */
  readonly above?: unknown;
  /** What stands in place of a table without rows. */
  readonly empty: string;
}

export function renderTable<T>(table: Table<T>): TemplateResult {
  const { id, caption, note, above, columns, rows, key, look, empty } = table;
  return html`
    <section class="ops-section" aria-labelledby=${`ops-${id}`}>
      <h2 id=${`ops-${id}`}>${caption}${note ? html` <small>${note}</small>` : nothing}</h2>
      ${above ?? nothing}
      ${
        rows.length === 0
          ? html`<p class="ops-empty">${empty}</p>`
          : html`
        <div class="ops-scroll" tabindex="0" role="group" aria-labelledby=${`ops-${id}`}>
          <table class="ops-table">
            <thead>
              <tr>${columns.map(({ title, isNumber }) => html`<th scope="col" class=${isNumber ? "number" : ""}>${title}</th>`)}</tr>
            </thead>
            <tbody>
              ${repeat(rows, key, (row) => html`<tr data-look=${look?.(row) ?? ""}>${columns.map((column) => renderCell(column, row))}</tr>`)}
            </tbody>
          </table>
        </div>`
      }
    </section>
  `;
}

function renderCell<T>({ isNumber, isText, isBytes, isName, cell }: Column<T>, row: T) {
  if (isName) return html`<th scope="row">${cell(row)}</th>`;
  return html`<td class=${isNumber ? "number" : isText ? "text" : isBytes ? "bytes" : ""}>${cell(row)}</td>`;
}
