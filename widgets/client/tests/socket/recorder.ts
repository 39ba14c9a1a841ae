import type { FeedListener } from "../../src/socket/feed-client";
import type { FeedUpdate, FeedView } from "../../src/socket/feed-state";

/** A widget that keeps what it was given. */
export class Recorder implements FeedListener {
  readonly updates: FeedUpdate[] = [];
  readonly errors: string[] = [];
  /** In rank order. */
  rows: unknown[] = [];
  events: readonly unknown[] = [];

  onUpdate(view: FeedView, update: FeedUpdate): void {
    this.updates.push(update);
    this.rows = [...view.rows.values()].sort(([a], [b]) => (view.rank(a) ?? 0) - (view.rank(b) ?? 0));
    this.events = view.events;
  }

  onError(message: string): void {
    this.errors.push(message);
  }
}
