/**
 * A text that changes immediately to a new text, but returns to an earlier text at most once per interval.
 *
 * So a change is announced when it happens, but a state that comes and goes is not announced again and again.
 */
export class RateLimitedText {
  readonly #intervalMs: number;
  readonly #shownAtMs = new Map<string, number>();
  #text = "";

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** The text to show now, if `text` is the wanted one. Call it repeatedly: a text that is too early is not stored. */
  limited(text: string, nowMs: number): string {
    for (const [shown, atMs] of this.#shownAtMs) {
      if (nowMs - atMs >= this.#intervalMs) this.#shownAtMs.delete(shown);
    }
    if (text !== this.#text && !this.#shownAtMs.has(text)) {
      this.#text = text;
      this.#shownAtMs.set(text, nowMs);
    }
    return this.#text;
  }
}
