/**
 * `<mdp-board-tabs>`: the boards inside it side by side where there is room, as tabs where there is not.
 *
 * A board behind another tab is `inactive`: it holds no subscription, so a phone receives one board and not three.
 */
import { LeaderboardElement } from "./leaderboard/element";

const NARROW = "(max-width: 719px)";

export class BoardTabsElement extends HTMLElement {
  readonly #narrow = matchMedia(NARROW);
  readonly #tablist = document.createElement("div");
  #abort = new AbortController();
  #selected = 0;

  connectedCallback(): void {
    this.#abort = new AbortController();
    this.#tablist.className = "board-tablist";
    this.#tablist.setAttribute("role", "tablist");
    this.#tablist.setAttribute("aria-label", "Boards");
    this.#tablist.replaceChildren(...this.#boards().map((board, index) => this.#tab(board, index)));
    this.prepend(this.#tablist);
    this.#narrow.addEventListener("change", () => this.#show(), { signal: this.#abort.signal });
    this.#show();
  }

  disconnectedCallback(): void {
    this.#abort.abort();
  }

  #boards(): LeaderboardElement[] {
    return [...this.children].filter((child) => child instanceof LeaderboardElement);
  }

  #tab(board: LeaderboardElement, index: number): HTMLButtonElement {
    board.id ||= `board-${index}`;
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${board.id}-tab`;
    tab.className = "board-tab";
    tab.textContent = board.getAttribute("heading");
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", board.id);
    board.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => this.#select(index));
    tab.addEventListener("keydown", (event) => this.#keyPressed(event));
    return tab;
  }

  #keyPressed(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const tabs = this.#tablist.querySelectorAll<HTMLButtonElement>("[role=tab]");
    this.#select((this.#selected + step + tabs.length) % tabs.length);
    tabs[this.#selected]?.focus();
  }

  #select(index: number): void {
    this.#selected = index;
    this.#show();
  }

  #show(): void {
    const narrow = this.#narrow.matches;
    this.#tablist.hidden = !narrow;
    for (const [index, tab] of [...this.#tablist.children].entries()) {
      const selected = index === this.#selected;
      tab.setAttribute("aria-selected", String(selected));
      tab.setAttribute("tabindex", selected ? "0" : "-1");
    }
    for (const [index, board] of this.#boards().entries()) {
      board.inactive = narrow && index !== this.#selected;
      if (narrow) board.setAttribute("role", "tabpanel");
      else board.removeAttribute("role");
    }
  }
}
