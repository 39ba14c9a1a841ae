/** Names of feeds, as a client subscribes to them. */
import type { SymbolFeed } from "./generated/schema";

/** The feed of a symbol. */
export function feedOf(feed: SymbolFeed, symbol: string): string {
  return feed.replace("{symbol}", () => symbol); // Not as text: `$` in a symbol would be read as a pattern.
}
