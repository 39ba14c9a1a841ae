/** Who is connected: the connections that matter most, a search for one user, totals by user, and ends by code. */
import { html, nothing } from "lit";
import { ABSENT } from "../format";
import { actionColumn, type OfferedAction } from "./actions";
import type { ClientsView, ConnectionView, UserTotals } from "./document";
import { age, count, kilobytes, numbered, rate } from "./numbers";
import type { FoundConnections } from "./samples";
import { type Column, renderTable } from "./table";

/** What a search of an operator has brought. */
export interface Search {
  readonly found: FoundConnections | null;
  /** Why there is nothing, or that the search runs; empty otherwise. */
  readonly note: string;
  readonly onSubmit: (user: string) => void;
  readonly onEnd: () => void;
}

export function renderConnections(
  clients: ClientsView | null,
  search: Search,
  nowMs: number,
  actions: readonly OfferedAction[],
) {
  const { found } = search;
  const listed = found === null ? (clients?.listed ?? []) : found.connections;
  return html`
    ${connectionTable(listed, nowMs, found === null ? listNote(clients) : foundNote(found), renderSearch(search), actions)}
    ${userTable(clients?.users ?? [], actions)}
    ${endTable(clients?.closed ?? {})}
  `;
}

function listNote(clients: ClientsView | null): string {
  const total = clients?.connections ?? 0;
  return `${numbered(total, "connection")}; first those that are blocked for longest, then the slowest, then the largest`;
}

function foundNote({
  user,
  total,
  connections,
  processes_asked,
  processes_answered,
}: FoundConnections): string {
  const more = total > connections.length ? `, shown are the first ${count(connections.length)}` : "";
  const missing = processes_asked - processes_answered;
  const silent = missing > 0 ? `; of ${processes_asked} web processes ${missing} did not answer in time` : "";
  return `of ${user}: ${count(total)}${more}${silent}`;
}

function renderSearch({ found, note, onSubmit, onEnd }: Search) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const user = new FormData(event.target as HTMLFormElement).get("user");
    if (typeof user === "string" && user.trim() !== "") onSubmit(user.trim());
  };
  return html`
    <form class="ops-search" role="search" @submit=${submit}>
      <label>Connections of one user <input name="user" type="search" maxlength="150" autocomplete="off" placeholder="user name" required></label>
      <button type="submit">Find</button>
      ${found === null ? nothing : html`<button type="button" @click=${onEnd}>Show all again</button>`}
      <span role="status">${note}</span>
    </form>
  `;
}

function connectionTable(
  rows: readonly ConnectionView[],
  nowMs: number,
  note: string,
  above: unknown,
  actions: readonly OfferedAction[],
) {
  const columns: readonly Column<ConnectionView>[] = [
    { title: "User", isName: true, cell: ({ connection }) => `${connection.user} (${connection.user_id})` },
    ...actionColumn<ConnectionView>(actions, "user", ({ connection }) => ({ user: connection.user })),
    { title: "Address", cell: ({ connection }) => connection.address || ABSENT },
    { title: "Way", isText: true, cell: ({ connection }) => wayOf(connection) },
    { title: "Protocol", cell: ({ connection }) => connection.protocol ?? ABSENT },
    { title: "For", isNumber: true, cell: ({ connection }) => age(nowMs - connection.since_ms) },
    { title: "Feeds", isText: true, cell: ({ connection }) => feedsOf(connection) },
    { title: "kB/s", isNumber: true, cell: ({ connection }) => kilobytes(connection.bytes_per_second ?? 0) },
    { title: "Conflated", isNumber: true, cell: ({ connection }) => count(connection.conflated ?? 0) },
    { title: "per s", isNumber: true, cell: ({ connection }) => rate(connection.conflated_per_second ?? 0) },
    {
      title: "Blocked for",
      isNumber: true,
      cell: ({ connection: { blocked_since_ms } }) =>
        blocked_since_ms ? age(nowMs - blocked_since_ms) : ABSENT,
    },
    { title: "Web process", cell: ({ process }) => process },
  ];
  return renderTable({
    id: "connections",
    caption: "Connections",
    note,
    above,
    columns,
    rows,
    key: ({ process, connection }) =>
      `${process} ${connection.user_id} ${connection.since_ms} ${connection.address} ${connection.protocol}`,
    look: ({ connection }) =>
      connection.blocked_since_ms ? "bad" : connection.conflated_per_second ? "warn" : "",
    empty: "No connection.",
  });
}

function wayOf({ way, token }: ConnectionView["connection"]): string {
  return token ? `token "${token}"` : way || ABSENT;
}

function feedsOf({ feeds, first_feeds }: ConnectionView["connection"]): string {
  if (!feeds) return "0";
  const named = first_feeds ?? [];
  const more = feeds - named.length;
  return `${count(feeds)}: ${named.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`;
}

function userTable(users: readonly UserTotals[], actions: readonly OfferedAction[]) {
  const columns: readonly Column<UserTotals>[] = [
    { title: "User", isName: true, cell: ({ user, user_id }) => `${user} (${user_id})` },
    ...actionColumn<UserTotals>(actions, "user", ({ user }) => ({ user })),
    { title: "Connections", isNumber: true, cell: ({ connections }) => count(connections ?? 0) },
    { title: "Feeds", isNumber: true, cell: ({ feeds }) => count(feeds ?? 0) },
    { title: "kB/s", isNumber: true, cell: ({ bytes_per_second }) => kilobytes(bytes_per_second ?? 0) },
    { title: "Blocked", isNumber: true, cell: ({ blocked }) => count(blocked ?? 0) },
  ];
  return renderTable({
    id: "users",
    caption: "Users",
    note: "those with the most connections",
    columns,
    rows: users,
    key: ({ user_id }) => String(user_id),
    look: ({ blocked }) => (blocked ? "bad" : ""),
    empty: "Nobody is connected.",
  });
}

type End = readonly [name: string, ends: number];

function endTable(closed: Readonly<Record<string, number>>) {
  const rows: readonly End[] = Object.entries(closed);
  const columns: readonly Column<End>[] = [
    { title: "Close code", isName: true, cell: ([name]) => name },
    { title: "Connections", isNumber: true, cell: ([, ends]) => count(ends) },
  ];
  return renderTable({
    id: "ends",
    caption: "Ended connections",
    note: "in the last 15 min, by close code",
    columns,
    rows,
    key: ([name]) => name,
    empty: "None in the last 15 min.",
  });
}
