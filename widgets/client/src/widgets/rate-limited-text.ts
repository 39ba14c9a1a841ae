/**
 * A text that follows what it is offered at once, but comes back to one that it showed before at most once per interval.
 *
 * A change is told as it happens; a state that comes and goes is not told again and again. Pure.
 */
export class RateLimitedText {
  readonly #intervalMs: number;
  readonly #shownAtMs = new Map<string, number>();
  #text = "";

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** The text to show now. To be called again from time to time: an offer that came too early is not kept. */
  offer(text: string, nowMs: number): string {
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
