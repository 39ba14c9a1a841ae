/** The text of a column header, with an explanation of the column as its tooltip. */
import type { IHeaderParams, IInnerHeaderComponent } from "ag-grid-community";
import { markedExplanation, markedLabel } from "../../format";
import type { ColumnMark } from "../../socket/feed-state";

interface HeaderLabelParams extends IHeaderParams {
  readonly explanation: string;
  readonly mark: () => ColumnMark;
}

export class HeaderLabel implements IInnerHeaderComponent<unknown, unknown, HeaderLabelParams> {
  readonly #label = document.createElement("span");

  init(params: HeaderLabelParams): void {
    this.#label.className = "header-label";
    const mark = params.mark();
    this.#label.classList.toggle("header-off", mark === "off");
    this.#label.textContent = markedLabel(params.displayName, mark);
    this.#label.title = markedExplanation(params.explanation, mark);
  }

  refresh(params: HeaderLabelParams): boolean {
    this.init(params);
    return true;
  }

  getGui(): HTMLElement {
    return this.#label;
  }
}
