/**
 * The figures of the last 15 minutes as lines. The platform keeps a sample of every five seconds; the page adds
 * each document that it gets. Where neither is there, the lines have a gap.
 */
import type { Health, InstallationDocument, Overview } from "./document";
import type { Sample } from "./samples";

export const HISTORY_MS = 15 * 60_000;
/** For so long a document of the feed says something: there is one a second. */
const DOCUMENT_HOLDS_MS = 5_000;
/** For so long a sample does: there is one every 5 s, and another process may take over within 8 s. */
const SAMPLE_HOLDS_MS = 12_500;

export const SERIES = [
  "received",
  "processed",
  "lost",
  "oldestMs",
  "dataAgeMs",
  "sentKilobytes",
  "connections",
  "slow",
] as const;
export type Series = (typeof SERIES)[number];

export type Point = { readonly atMs: number; readonly holdsMs: number; readonly state: Health | null } & {
  readonly [name in Series]: number | null;
};

export class History {
  #points: Point[] = [];
  /** When the page last heard of the platform: by a document, or by samples. */
  #heardAtMs = 0;

  /**
   * Takes the samples of the platform, oldest first. They replace what the page has seen up to the newest one.
   * Without samples nothing changes.
   */
  begin(samples: readonly Sample[]): void {
    const newest = samples.at(-1);
    if (newest === undefined) return;
    this.#heardAtMs = Math.max(this.#heardAtMs, newest.at_ms);
    this.#points = [...samples.map(pointOfSample), ...this.#points.filter(({ atMs }) => atMs > newest.at_ms)];
    this.#forget();
  }

  /** Notes a document, or with `null` that nothing was read: the lines get a gap. */
  add(atMs: number, document: InstallationDocument | null): void {
    if (atMs <= this.newestAtMs) return;
    this.#heardAtMs = atMs;
    this.#points.push(document === null ? { ...UNKNOWN, atMs } : pointOfDocument(atMs, document));
    this.#forget();
  }

  /** Notes that no document comes: no figure is of this second any more. */
  silence(nowMs: number): void {
    if (nowMs > this.newestAtMs) this.#points.push({ ...UNKNOWN, atMs: nowMs });
    this.#forget();
  }

  /** When the newest point was noted, in epoch milliseconds; 0 without one. */
  get newestAtMs(): number {
    return this.#points.at(-1)?.atMs ?? 0;
  }

  /** Whether the page has missed so much before this time that the platform should be asked for it. */
  hasGapBefore(atMs: number): boolean {
    return this.#heardAtMs > 0 && atMs - this.#heardAtMs > SAMPLE_HOLDS_MS;
  }

  /** Times in epoch seconds, and the values of each series at these times: what uPlot takes. */
  columns(names: readonly Series[]): [number[], ...(number | null)[][]] {
    const points = this.#withGaps();
    return [
      points.map(({ atMs }) => atMs / 1_000),
      ...names.map((name) => points.map((point) => point[name])),
    ];
  }

  newest(name: Series): number | null {
    return this.#points.at(-1)?.[name] ?? null;
  }

  /** The states of the verdict, each as long as it held, oldest first. A gap has `null`. */
  states(): { readonly fromMs: number; readonly toMs: number; readonly state: Health | null }[] {
    const spans: { fromMs: number; toMs: number; state: Health | null }[] = [];
    const points = this.#withGaps();
    points.forEach(({ atMs, state }, index) => {
      const toMs = points[index + 1]?.atMs ?? atMs;
      const last = spans.at(-1);
      if (last?.state === state) last.toMs = toMs;
      else spans.push({ fromMs: atMs, toMs, state });
    });
    return spans;
  }

  /** The points, and one of unknown values at the begin of each gap. */
  #withGaps(): Point[] {
    return this.#points.flatMap((point, index) => {
      const next = this.#points[index + 1];
      const hasGap = next !== undefined && next.atMs - point.atMs > point.holdsMs;
      return hasGap ? [point, { ...UNKNOWN, atMs: point.atMs + 1 }] : [point];
    });
  }

  #forget(): void {
    const from = this.newestAtMs - HISTORY_MS;
    const kept = this.#points.findIndex(({ atMs }) => atMs >= from);
    this.#points.splice(0, kept);
  }
}

const UNKNOWN: Point = {
  atMs: 0,
  holdsMs: DOCUMENT_HOLDS_MS,
  state: null,
  received: null,
  processed: null,
  lost: null,
  oldestMs: null,
  dataAgeMs: null,
  sentKilobytes: null,
  connections: null,
  slow: null,
};

const LISTENER = "listener events";
const PROCESSOR = "processor events";

function pointOfDocument(atMs: number, { verdict, overview }: InstallationDocument): Point {
  const stages = new Map(overview.stages.map((stage) => [stage.book.name, stage]));
  const { clients, queues } = overview;
  const counted = [...overview.stages.filter(({ book }) => !book.name.startsWith("web")), ...queues];
  const isRated = counted.some(({ in_per_second }) => in_per_second !== null);
  return {
    atMs,
    holdsMs: DOCUMENT_HOLDS_MS,
    state: verdict.state,
    received: stages.get(LISTENER)?.in_per_second ?? null,
    processed: stages.get(PROCESSOR)?.out_per_second ?? null,
    lost: isRated ? sum(counted.flatMap(({ lost_per_second }) => Object.values(lost_per_second))) : null,
    oldestMs: oldestOf(overview),
    dataAgeMs: clients?.data_age_ms ?? null,
    sentKilobytes: kilo(clients?.bytes_per_second),
    connections: clients?.connections ?? null,
    slow: clients?.blocked ?? null,
  };
}

function pointOfSample(sample: Sample): Point {
  const stages = sample.stages ?? {};
  const isRated = Object.values(stages).some(([received]) => received !== null);
  return {
    atMs: sample.at_ms,
    holdsMs: SAMPLE_HOLDS_MS,
    state: sample.state,
    received: stages[LISTENER]?.[0] ?? null,
    processed: stages[PROCESSOR]?.[1] ?? null,
    lost: isRated ? sum(Object.values(sample.lost ?? {})) : null,
    oldestMs: sample.oldest_age_ms ?? null,
    dataAgeMs: sample.data_age_ms ?? null,
    sentKilobytes: kilo(sample.bytes_per_second),
    connections: sample.connections ?? null,
    slow: sample.blocked ?? null,
  };
}

function kilo(bytes: number | null | undefined): number | null {
  return bytes === null || bytes === undefined ? null : bytes / 1_000;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The age of the oldest batch in any queue, in milliseconds: 0 if nothing waits, `null` if no queue is known. */
export function oldestOf({ queues }: Overview): number | null {
  return queues.length === 0 ? null : Math.max(...queues.map(({ oldest_age_ms }) => oldest_age_ms ?? 0));
}
