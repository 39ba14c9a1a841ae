/** The context that all widgets of a page share: the configuration from Django, the socket, the selected symbol. */
import type { StateText, StateTexts } from "./socket/connection-report";
import { FeedClient } from "./socket/feed-client";
import { SUBPROTOCOL } from "./socket/messages";

export interface PageConfig {
  readonly wsPath: string;
  /** The texts of the states of the data, by their names in the server's `status`. */
  readonly states: StateTexts;
}

export interface PageContext {
  readonly config: PageConfig;
  readonly client: FeedClient;
  readonly selection: Selection;
}

/** The selected symbol of the page; null until a user or a widget selects one. */
export class Selection {
  #symbol: string | null = null;
  readonly #listeners = new Set<(symbol: string) => void>();

  get symbol(): string | null {
    return this.#symbol;
  }

  select(symbol: string): void {
    if (symbol === this.#symbol) return;
    this.#symbol = symbol;
    for (const listener of this.#listeners) listener(symbol);
  }

  onChange(listener: (symbol: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The configuration in `<script id="mdp-config" type="application/json">`. Throws an Error if it is not valid. */
export function readPageConfig(page: Document): PageConfig {
  const source = page.getElementById("mdp-config");
  if (source === null) throw new Error("The page has no element #mdp-config");
  const config = JSON.parse(source.textContent ?? "") as {
    wsPath?: unknown;
    states?: Record<string, StateText>;
  };
  if (typeof config.wsPath !== "string") throw new Error("#mdp-config: wsPath must be a string");
  return { wsPath: config.wsPath, states: new Map(Object.entries(config.states ?? {})) };
}

/** The nonce with which the content security policy allows style elements at run time; empty without a policy. */
export function styleNonce(page: Document): string {
  return page.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

/** The page's client, with the WebSocket, clock and animation frames of the browser. It connects when `start` is called. */
export function createFeedClient(config: PageConfig): FeedClient {
  const address = new URL(config.wsPath, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const client = new FeedClient({
    openSocket: () => new WebSocket(address, SUBPROTOCOL),
    now: () => performance.now(),
    random: () => Math.random(),
    requestFrame: (callback) => requestAnimationFrame(callback),
    sessionEnded: () => pageIsRefused(location.pathname),
  });
  addEventListener("online", () => client.retryNow());
  const pageShown = () => {
    client.setHidden(document.hidden);
    // A browser delays the timers of hidden pages, so an attempt may be overdue.
    if (!document.hidden) client.retryNow();
  };
  document.addEventListener("visibilitychange", pageShown);
  client.setHidden(document.hidden);
  return client;
}

/** Whether the server now redirects the page to the login, or refuses it. False if the server is not reachable. */
async function pageIsRefused(path: string): Promise<boolean> {
  try {
    const response = await fetch(path, { method: "HEAD", redirect: "manual", cache: "no-store" });
    return response.type === "opaqueredirect" || response.status === 401 || response.status === 403;
  } catch {
    return false;
  }
}
