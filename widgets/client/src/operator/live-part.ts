/**
 * `<mdp-live-part src="…">`: a part of a page that the server renders, and that is asked for again.
 *
 * The root of the part says after how many milliseconds (`data-again-ms`); 0 is never. Nothing is asked for while
 * the page is hidden. A part that is equal to the one before is left alone, so nothing that is read or clicked moves.
 */

/** After a failure: the server may be starting again. */
const AFTER_FAILURE_MS = 3_000;
const NO_ANSWER_MS = 10_000;

export class LivePartElement extends HTMLElement {
  #text = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;
  readonly #visibility = () => this.#follow();

  connectedCallback(): void {
    document.addEventListener("visibilitychange", this.#visibility);
    this.#plan(this.#againMs);
  }

  disconnectedCallback(): void {
    document.removeEventListener("visibilitychange", this.#visibility);
    this.#pause();
  }

  get #againMs(): number {
    return Number(this.querySelector<HTMLElement>("[data-again-ms]")?.dataset["againMs"] ?? 0);
  }

  #follow(): void {
    if (document.hidden) this.#pause();
    else if (this.#againMs > 0) void this.#ask();
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asking?.abort();
    this.#asking = null;
  }

  #plan(afterMs: number): void {
    clearTimeout(this.#timer);
    if (afterMs > 0 && this.isConnected && !document.hidden) {
      this.#timer = setTimeout(() => void this.#ask(), afterMs);
    }
  }

  async #ask(): Promise<void> {
    this.#pause();
    const asking = new AbortController();
    this.#asking = asking;
    const silence = setTimeout(() => asking.abort(), NO_ANSWER_MS);
    try {
      // A redirect leads to the login page, which is no part of this page.
      const answer = await fetch(this.getAttribute("src") ?? "", {
        redirect: "error",
        cache: "no-store",
        signal: asking.signal,
      });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const text = await answer.text();
      if (this.#asking !== asking) return;
      this.#show(text);
      this.#plan(this.#againMs);
    } catch (error) {
      if (this.#asking !== asking) return; // Paused, or asked again.
      this.#showFailure(error);
      this.#plan(AFTER_FAILURE_MS);
    } finally {
      clearTimeout(silence);
      if (this.#asking === asking) this.#asking = null;
    }
  }

  #show(text: string): void {
    this.querySelector(":scope > .op-no-news")?.remove();
    if (text === this.#text) return;
    this.#text = text;
    const focused = this.contains(document.activeElement)
      ? document.activeElement?.getAttribute("href")
      : null;
    this.innerHTML = text;
    if (focused) this.querySelector<HTMLElement>(`[href="${CSS.escape(focused)}"]`)?.focus();
  }

  #showFailure(error: unknown): void {
    if (this.querySelector(":scope > .op-no-news") !== null) return;
    const note = document.createElement("p");
    note.className = "op-no-news";
    note.setAttribute("role", "alert");
    const at = new Date().toISOString().slice(11, 19);
    const why = error instanceof Error ? error.message : String(error);
    note.textContent = `No news since ${at} UTC (${why}). This page tries again by itself; if you are logged out, load it again.`;
    this.prepend(note);
  }
}
