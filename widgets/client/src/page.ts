/** What the widgets of one page share: the configuration that Django rendered, the socket, the selected symbol. */
import type { StateText, StateTexts } from "./socket/connection-report";
import { FeedClient } from "./socket/feed-client";
import { SUBPROTOCOL } from "./socket/messages";

/** A column as the server's catalog, the only place that spells it out, describes it. */
export interface ColumnText {
  readonly description: string;
  /** What the numbers of a code mean; empty for other columns. */
  readonly names: ReadonlyMap<number, string>;
}

export interface PageConfig {
  readonly wsPath: string;
  /** By the feed's name of the column. */
  readonly columns: ReadonlyMap<string, ColumnText>;
  /** By board: the names of its columns, the most important first. */
  readonly boards: ReadonlyMap<string, readonly string[]>;
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
    columns?: Record<string, { description: string; names?: Record<string, string> }>;
    states?: Record<string, StateText>;
    feeds?: { boards?: { name: string; columns: string[] }[] };
  };
  if (typeof config.wsPath !== "string") throw new Error("#mdp-config: wsPath must be a string");
  const columns = Object.entries(config.columns ?? {});
  const boards = config.feeds?.boards ?? [];
  return {
    wsPath: config.wsPath,
    columns: new Map(
      columns.map(([name, { description, names }]) => [name, { description, names: codes(names) }]),
    ),
    boards: new Map(boards.map(({ name, columns }) => [name, columns])),
    states: new Map(Object.entries(config.states ?? {})),
  };
}

function codes(names: Record<string, string> = {}): ReadonlyMap<number, string> {
  return new Map(Object.entries(names).map(([code, name]) => [Number(code), name]));
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
