/** The text of a column header, with an explanation of the column as its tooltip. */
import type { IHeaderParams, IInnerHeaderComponent } from "ag-grid-community";

interface HeaderLabelParams extends IHeaderParams {
  readonly explanation: string;
}

export class HeaderLabel implements IInnerHeaderComponent<unknown, unknown, HeaderLabelParams> {
  readonly #label = document.createElement("span");

  init(params: HeaderLabelParams): void {
    this.#label.className = "header-label";
    this.#label.textContent = params.displayName;
    this.#label.title = params.explanation;
  }

  refresh(params: HeaderLabelParams): boolean {
    this.init(params);
    return true;
  }

  getGui(): HTMLElement {
    return this.#label;
  }
}
