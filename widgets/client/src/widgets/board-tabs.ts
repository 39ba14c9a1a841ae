/**
 * `<mdp-board-tabs>`: arranges the boards inside it. Boards with the same `data-place` are tabs of one place.
 *
 * On narrow screens there is only one place, and all boards are its tabs. A board behind another tab is `inactive`: it
 * is not subscribed to, so a phone receives only one board. It receives that once a second, which spares its battery.
 */
import { LeaderboardElement } from "./leaderboard/element";

const NARROW = "(max-width: 719px)";
const ONE_PLACE = "all";
const NARROW_HZ = 1;

export class BoardTabsElement extends HTMLElement {
  readonly #narrow = matchMedia(NARROW);
  /** The board that the user chose in each place. Otherwise the first board is shown. */
  readonly #selected = new Map<string, LeaderboardElement>();
  #abort = new AbortController();

  connectedCallback(): void {
    this.#abort = new AbortController();
    this.#narrow.addEventListener("change", () => this.#arrange(), { signal: this.#abort.signal });
    this.#arrange();
  }

  disconnectedCallback(): void {
    this.#abort.abort();
  }

  #boards(): LeaderboardElement[] {
    return [...this.children].filter((child) => child instanceof LeaderboardElement);
  }

  #places(): Map<string, LeaderboardElement[]> {
    const places = new Map<string, LeaderboardElement[]>();
    for (const board of this.#boards()) {
      const place = this.#narrow.matches ? ONE_PLACE : (board.dataset["place"] ?? ONE_PLACE);
      places.set(place, [...(places.get(place) ?? []), board]);
    }
    return places;
  }

  /** Arranges the boards again: each place gets a list of tabs before its boards. */
  #arrange(): void {
    for (const tablist of this.querySelectorAll(":scope > [role=tablist]")) tablist.remove();
    for (const [place, boards] of this.#places()) {
      boards[0]?.before(this.#tablist(place, boards));
      this.#show(place, boards, this.#selected.get(place) ?? boards[0]);
    }
  }

  #tablist(place: string, boards: readonly LeaderboardElement[]): HTMLElement {
    const tablist = document.createElement("div");
    tablist.className = "board-tablist";
    tablist.dataset["place"] = place;
    tablist.setAttribute("role", "tablist");
    tablist.setAttribute("aria-label", place === ONE_PLACE ? "Boards" : `Boards, place ${place}`);
    tablist.append(...boards.map((board) => this.#tab(place, boards, board)));
    return tablist;
  }

  #tab(place: string, boards: readonly LeaderboardElement[], board: LeaderboardElement): HTMLButtonElement {
    const tab = document.createElement("button");
    board.id ||= `board-${board.feed.replace(/\W/g, "-")}-panel`;
    tab.type = "button";
    tab.id = `${board.id}-tab`;
    tab.className = "board-tab";
    tab.textContent = board.getAttribute("heading");
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", board.id);
    board.setAttribute("role", "tabpanel");
    board.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => this.#show(place, boards, board));
    tab.addEventListener("keydown", (event) => this.#keyPressed(event, place, boards));
    return tab;
  }

  #keyPressed(event: KeyboardEvent, place: string, boards: readonly LeaderboardElement[]): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const current = boards.findIndex((board) => !board.inactive);
    const next = boards[(current + step + boards.length) % boards.length];
    this.#show(place, boards, next);
    this.querySelector<HTMLButtonElement>(`#${next?.id}-tab`)?.focus();
  }

  #show(
    place: string,
    boards: readonly LeaderboardElement[],
    selected: LeaderboardElement | undefined,
  ): void {
    if (selected === undefined) return;
    this.#selected.set(place, selected);
    for (const board of boards) {
      board.inactive = board !== selected;
      board.hz = this.#narrow.matches ? NARROW_HZ : null;
      const tab = this.querySelector(`#${board.id}-tab`);
      tab?.setAttribute("aria-selected", String(board === selected));
      tab?.setAttribute("tabindex", board === selected ? "0" : "-1");
    }
  }
}
