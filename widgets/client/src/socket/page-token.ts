/**
 * The page tokens with which the page logs in at its socket, by docs/login.md.
 *
 * Each token is used for one connection. It is never stored, logged or put into an address.
 */
import { type Ending, NO_RIGHT, SESSION_ENDED } from "./reconnect";

/** A token in the form of the subprotocol that brings it. */
export type PageToken = string;

/** A new page token; or why there is none, which is an ending like that of a connection. `null`: nobody answered. */
export type Renewal = { readonly token: PageToken } | { readonly ending: Ending } | null;

/** A server that does not answer within this time counts as lost. */
const ANSWER_WITHIN_MS = 10_000;
/** A text with other characters is no subprotocol, and a browser throws an error for it (RFC 6455, section 4.1). */
const FORM = /^mdp\.token\.[\w.-]+$/;

export function isPageToken(value: unknown): value is PageToken {
  return typeof value === "string" && FORM.test(value);
}

/** Requests a new page token from the site of the page, with the page's session cookie. */
export async function requestPageToken(address: string): Promise<Renewal> {
  try {
    const response = await fetch(address, {
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "manual",
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    // The site redirects to the login whoever is not logged in.
    if (response.type === "opaqueredirect" || response.status === 401) return { ending: SESSION_ENDED };
    if (response.status === 403) return { ending: NO_RIGHT };
    if (!response.ok) return null;
    const { subprotocol } = (await response.json()) as { subprotocol?: unknown };
    return isPageToken(subprotocol) ? { token: subprotocol } : null;
  } catch {
    return null;
  }
}

/** The tokens of a page: first the one with which it was loaded, so that its first connection needs no request. */
export class PageTokens {
  #first: PageToken | null;
  readonly #address: string;

  constructor(first: PageToken, address: string) {
    this.#first = first;
    this.#address = address;
  }

  async next(): Promise<Renewal> {
    const first = this.#first;
    this.#first = null;
    return first === null ? await requestPageToken(this.#address) : { token: first };
  }
}
