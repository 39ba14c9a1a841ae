/** A text that changes at most once per interval; the newest offer wins when the interval is over. Pure. */
export class RateLimitedText {
  readonly #intervalMs: number;
  #text = "";
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** The text to show now. To be called again from time to time: an offer that came too early is not kept. */
  offer(text: string, nowMs: number): string {
    if (text !== this.#text && nowMs - this.#changedAtMs >= this.#intervalMs) {
      this.#text = text;
      this.#changedAtMs = nowMs;
    }
    return this.#text;
  }
}
