/**
 * Holds the order of a board's rows while somebody is about to use them: a pointer over the rows, or the keyboard
 * in them. A click after which the row under the pointer was another one is the worst fault that a scanner can have.
 */
/** AG Grid's class of a data row; its header and scroll bars are outside. */
const ROW = ".ag-row";

export class OrderHold {
  readonly #changed: (held: boolean) => void;
  readonly #abort = new AbortController();
  #pointer = false;
  #keyboard = false;
  /** Escape was the last key: the grid focuses its cell anew when rows move, which must not bring the hold back. */
  #dismissed = false;
  #held = false;

  constructor(container: HTMLElement, changed: (held: boolean) => void) {
    this.#changed = changed;
    const options = { signal: this.#abort.signal };
    container.addEventListener(
      "pointerover",
      ({ target }) => this.#set({ pointer: isInRow(target) }),
      options,
    );
    container.addEventListener("pointerleave", () => this.#set({ pointer: false }), options);
    container.addEventListener("pointercancel", () => this.#set({ pointer: false }), options);
    container.addEventListener("focusin", () => this.#followFocus(), options);
    container.addEventListener("focusout", ({ relatedTarget }) => this.#focusLeft(relatedTarget), options);
    container.addEventListener("keydown", (event) => this.#keyPressed(event), options);
  }

  disconnect(): void {
    this.#abort.abort();
  }

  #keyPressed(event: KeyboardEvent): void {
    this.#dismissed = event.key === "Escape";
    this.#followFocus();
  }

  /** From row to row is no leaving: a release between two arrow keys would sort the next row away. */
  #focusLeft(next: EventTarget | null): void {
    if (!isInRow(next)) this.#set({ keyboard: false });
  }

  #followFocus(): void {
    // The grid moves the focus before a key event arrives here, so the event's own target would be the cell before.
    this.#set({ keyboard: !this.#dismissed && showsFocusInRow(document.activeElement) });
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

function isInRow(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(ROW) !== null;
}

/** A click leaves focus behind as well; only focus that is shown, that of the keyboard, holds the order. */
function showsFocusInRow(target: EventTarget | null): boolean {
  return isInRow(target) && (target as Element).matches(":focus-visible");
}
