/**
 * Holds the order of a board's rows while a pointer is over them or they have the keyboard focus.
 *
 * Otherwise a row could move just before a click, and the user would select the wrong symbol: the worst fault of a
 * scanner.
 */
/** AG Grid's class of a data row. Header and scroll bars do not have it. */
const ROW = ".ag-row";

export class OrderHold {
  readonly #changed: (held: boolean) => void;
  readonly #abort = new AbortController();
  #pointer = false;
  #keyboard = false;
  /** The last key was Escape. The grid focuses its cell again when rows move, and that must not start a new hold. */
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

  /** Ends the hold if the focus left the rows. A move from row to row does not end it: the rows would be sorted. */
  #focusLeft(next: EventTarget | null): void {
    if (!isInRow(next)) this.#set({ keyboard: false });
  }

  #followFocus(): void {
    // The grid moves the focus before this event arrives. So `activeElement` is used: the event has the old cell.
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

/** Whether the target is in a row and has keyboard focus. Focus from a click is not visible and does not count. */
function showsFocusInRow(target: EventTarget | null): boolean {
  return isInRow(target) && (target as Element).matches(":focus-visible");
}
