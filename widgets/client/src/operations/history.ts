/** The figures of the last 15 minutes, as this page has seen them. The server keeps none. */
import type { Overview } from "./document";

export const HISTORY_MS = 15 * 60_000;
/** A second without news becomes a gap in the lines, after this time. */
const GAP_MS = 5_000;

export const SERIES = ["received", "processed", "oldestMs", "dataAgeMs", "sentKilobytes"] as const;
export type Series = (typeof SERIES)[number];

type Point = { readonly atMs: number } & { readonly [name in Series]: number | null };

export class History {
  readonly #points: Point[] = [];

  /** Notes an overview, or with `null` that there was none: the lines get a gap. */
  add(atMs: number, overview: Overview | null): void {
    const last = this.#points.at(-1);
    if (last !== undefined && atMs <= last.atMs) return;
    if (last !== undefined && atMs - last.atMs > GAP_MS) this.#points.push(pointOf(last.atMs + 1, null));
    this.#points.push(pointOf(atMs, overview));
    const from = atMs - HISTORY_MS;
    const kept = this.#points.findIndex((point) => point.atMs >= from);
    this.#points.splice(0, kept);
  }

  /** When the newest point was noted, in epoch milliseconds; 0 without one. */
  get newestAtMs(): number {
    return this.#points.at(-1)?.atMs ?? 0;
  }

  /** Times in epoch seconds, and the values of each series at these times: what uPlot takes. */
  columns(names: readonly Series[]): [number[], ...(number | null)[][]] {
    const times = this.#points.map((point) => point.atMs / 1_000);
    return [times, ...names.map((name) => this.#points.map((point) => point[name]))];
  }

  newest(name: Series): number | null {
    return this.#points.at(-1)?.[name] ?? null;
  }
}

function pointOf(atMs: number, overview: Overview | null): Point {
  const stages = new Map(overview?.stages.map((stage) => [stage.book.name, stage]));
  const clients = overview?.clients ?? null;
  const sent = clients?.bytes_per_second ?? null;
  return {
    atMs,
    received: stages.get("listener events")?.in_per_second ?? null,
    processed: stages.get("processor events")?.out_per_second ?? null,
    oldestMs: overview === null ? null : oldestOf(overview),
    dataAgeMs: clients?.data_age_ms ?? null,
    sentKilobytes: sent === null ? null : sent / 1_000,
  };
}

/** The age of the oldest batch in any queue, in milliseconds: 0 if nothing waits, `null` if no queue is known. */
export function oldestOf({ queues }: Overview): number | null {
  return queues.length === 0 ? null : Math.max(...queues.map(({ oldest_age_ms }) => oldest_age_ms ?? 0));
}
