/** The context that all widgets of a page share: the configuration from Django, the socket, the selected symbol. */
import type { StateText, StateTexts } from "./socket/connection-report";
import { BROWSER, FeedClient } from "./socket/feed-client";
import { SUBPROTOCOL } from "./socket/messages";
import { isPageToken, type PageToken, PageTokens } from "./socket/page-token";

export interface PageConfig {
  /** The address of the socket; a path if it has the origin of the page. */
  readonly socketUrl: string;
  /** The page token of the first connection. */
  readonly pageToken: PageToken;
  /** Where the page gets the next page token. */
  readonly pageTokenUrl: string;
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
  const { socketUrl, pageToken, pageTokenUrl, states } = JSON.parse(source.textContent ?? "") as {
    [name in keyof PageConfig]?: unknown;
  } & { states?: Record<string, StateText> };
  if (typeof socketUrl !== "string") throw new Error("#mdp-config: socketUrl must be a string");
  if (!isPageToken(pageToken)) throw new Error("#mdp-config: pageToken must be a subprotocol mdp.token.…");
  if (typeof pageTokenUrl !== "string") throw new Error("#mdp-config: pageTokenUrl must be a string");
  return { socketUrl, pageToken, pageTokenUrl, states: new Map(Object.entries(states ?? {})) };
}

/** The nonce with which the content security policy allows style elements at run time; empty without a policy. */
export function styleNonce(page: Document): string {
  return page.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

/** The page's client, with the WebSocket, clock and animation frames of the browser. It connects when `start` is called. */
export function createFeedClient(config: PageConfig): FeedClient {
  const address = new URL(config.socketUrl, location.href);
  address.protocol = address.protocol.replace("http", "ws"); // Browsers of 2023 accept no http: here.
  const tokens = new PageTokens(config.pageToken, config.pageTokenUrl);
  const client = new FeedClient({
    openSocket: (token) => new WebSocket(address, [SUBPROTOCOL, token]),
    nextToken: () => tokens.next(),
    ...BROWSER,
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
