/** `<mdp-banner>`: shows the text that an operator has set for all users; nothing while there is none. */
import { html, LitElement, nothing } from "lit";
import type { PageContext } from "../page";

export class BannerElement extends LitElement {
  static override properties = {
    context: { attribute: false },
    text: { state: true },
  };
  declare context: PageContext | undefined;
  declare private text: string;

  #endListening: (() => void) | null = null;

  constructor() {
    super();
    this.text = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate("context"); // Listens again if the element was removed from the page and added again.
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#endListening?.();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const context = this.context;
    if (!changed.has("context") || !context) return;
    this.#endListening?.();
    this.#endListening = context.client.onConnectionChange(() => this.#refresh(context));
    this.#refresh(context);
  }

  /** The region is always there, so that a screen reader announces a new text. Lit escapes the text. */
  protected override render() {
    return html`<div role="status">${this.text === "" ? nothing : html`<p class="banner">${this.text}</p>`}</div>`;
  }

  #refresh(context: PageContext): void {
    this.text = context.client.facts.status?.banner ?? "";
  }
}
