/** What the page asks the server for beside its feed: the samples of the last 15 minutes, and a user's connections. */
import type { ConnectionView, Health } from "./document";

/** `marketdata/control/history.py`. Members that are absent are not known. Rates are of the 5 s before. */
export interface Sample {
  readonly at_ms: number;
  readonly state: Health;
  /** Book -> what came in and went on, per second. */
  readonly stages?: Readonly<Record<string, readonly [number | null, number | null]>>;
  /** Reason -> losses per second. */
  readonly lost?: Readonly<Record<string, number>>;
  readonly oldest_age_ms?: number | null;
  readonly connections?: number | null;
  readonly blocked?: number | null;
  readonly bytes_per_second?: number | null;
  readonly data_age_ms?: number | null;
}

/** The connections of one user in all web processes: `marketdata/control/connection_search.py`. */
export interface FoundConnections {
  readonly user: string;
  readonly total: number;
  readonly connections: readonly ConnectionView[];
  readonly processes_asked: number;
  readonly processes_answered: number;
}

/** Both reject with an Error whose message is for people. */
export interface OperationsServer {
  history(): Promise<readonly Sample[]>;
  connectionsOf(user: string): Promise<FoundConnections>;
}

/** The server's answers, at these addresses. */
export function operationsServer(historyUrl: string, connectionsUrl: string): OperationsServer {
  return {
    history: () => ask<readonly Sample[]>(historyUrl, Array.isArray),
    connectionsOf: (user) =>
      ask<FoundConnections>(`${connectionsUrl}?${new URLSearchParams({ user })}`, isFound),
  };
}

async function ask<T>(url: string, isRight: (value: unknown) => boolean): Promise<T> {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, redirect: "error" }).catch(
    () => {
      throw new Error("the server does not answer");
    },
  );
  const value: unknown = await answer.json().catch(() => null);
  if (!answer.ok) {
    const { error } = (value ?? {}) as { readonly error?: unknown };
    throw new Error(typeof error === "string" ? error : `the server answers ${answer.status}`);
  }
  if (!isRight(value)) throw new Error("the server answers what this page does not know");
  return value as T;
}

function isFound(value: unknown): boolean {
  const { total, connections } = (value ?? {}) as { readonly [name in keyof FoundConnections]?: unknown };
  return typeof total === "number" && Array.isArray(connections);
}
