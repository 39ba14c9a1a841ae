/**
 * Holds the order of a board's rows while somebody is about to use them: a pointer over the rows, or the keyboard
 * in them. A click after which the row under the pointer was another one is the worst fault that a scanner can have.
 */
import { BoardGrid } from "./board-grid";

export class OrderHold {
  readonly #container: HTMLElement;
  readonly #changed: (held: boolean) => void;
  readonly #abort = new AbortController();
  #pointer = false;
  #keyboard = false;
  #held = false;

  constructor(container: HTMLElement, changed: (held: boolean) => void) {
    this.#container = container;
    this.#changed = changed;
    const signal = this.#abort.signal;
    const rows = BoardGrid.rowsElement(container);
    rows?.addEventListener("pointerenter", () => this.#set({ pointer: true }), { signal });
    rows?.addEventListener("pointerleave", () => this.#set({ pointer: false }), { signal });
    rows?.addEventListener("pointercancel", () => this.#set({ pointer: false }), { signal });
    container.addEventListener("focusin", () => this.#set({ keyboard: this.#focusIsInRows() }), { signal });
    container.addEventListener("focusout", () => this.#set({ keyboard: false }), { signal });
    container.addEventListener("keydown", (event) => this.#keyPressed(event), { signal });
  }

  disconnect(): void {
    this.#abort.abort();
  }

  #keyPressed(event: KeyboardEvent): void {
    if (event.key === "Escape") this.#set({ keyboard: false });
    else if (event.key.startsWith("Arrow") || event.key.startsWith("Page")) {
      this.#set({ keyboard: this.#focusIsInRows() });
    }
  }

  /** A click leaves focus behind as well; only focus that is shown, that of the keyboard, holds the order. */
  #focusIsInRows(): boolean {
    const rows = BoardGrid.rowsElement(this.#container);
    const focused = document.activeElement;
    return focused !== null && rows?.contains(focused) === true && focused.matches(":focus-visible");
  }

  #set(change: { pointer?: boolean; keyboard?: boolean }): void {
    this.#pointer = change.pointer ?? this.#pointer;
    this.#keyboard = change.keyboard ?? this.#keyboard;
    const held = this.#pointer || this.#keyboard;
    if (held === this.#held) return;
    this.#held = held;
    this.#changed(held);
  }
}
