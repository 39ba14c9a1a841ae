/** What the widgets of one page share: the configuration that Django rendered, the socket, the selected symbol. */
import type { StateText, StateTexts } from "./socket/connection-report";
import { FeedClient } from "./socket/feed-client";
import { SUBPROTOCOL } from "./socket/messages";

export interface PageConfig {
  readonly wsPath: string;
  /** The states of the data, by the names that the server's `status` uses. */
  readonly states: StateTexts;
}

export interface PageContext {
  readonly config: PageConfig;
  readonly client: FeedClient;
  readonly selection: Selection;
}

/** The symbol that the page looks at; null until somebody or something picks one. */
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

/** The configuration in `<script id="mdp-config" type="application/json">`; throws an Error that names what is missing. */
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

/** The nonce that lets run-time style elements through the content security policy; empty without a policy. */
export function styleNonce(page: Document): string {
  return page.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

/** The page's client, bound to the browser's socket, clock and frames. It connects when `start` is called. */
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
  return client;
}

/** Whether the page itself would now send to the login or be refused. Unreachable is not refused. */
async function pageIsRefused(path: string): Promise<boolean> {
  try {
    const response = await fetch(path, { method: "HEAD", redirect: "manual", cache: "no-store" });
    return response.type === "opaqueredirect" || response.status === 401 || response.status === 403;
  } catch {
    return false;
  }
}
