"""The clients of all web processes: sums, the connections that matter most, users and ends. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Final

import msgspec

from marketdata.control.stages import per_second, seconds_between
from marketdata.control.views import ClientsView, ConnectionView, ProcessView
from marketdata.runtime.connection_report import ConnectionStatus, UserStatus, greatest_users
from marketdata.runtime.report import ClientsStatus, ProcessReport

MOST_LISTED: Final = 40
"""How many connections of all processes are listed together."""


def clients_view(running: Sequence[ProcessView], earlier: Mapping[str, ProcessReport]) -> ClientsView | None:
    """The clients of these processes; None if none serves clients. `earlier`: see `overview.Reading`."""
    serving = [(view, clients) for view in running if (clients := view.report.status.clients) is not None]
    if not serving:
        return None
    since_ms: dict[str, int] = {}
    for view, clients in serving:
        if clients.data_since_ms:
            first_ms = clients.data_since_ms - view.clock_offset_ms
            since_ms[clients.data_state] = min(first_ms, since_ms.get(clients.data_state, first_ms))
    rates = [
        per_second(clients.sent_bytes, was.sent_bytes, seconds_between(view.report, before))
        for view, clients in serving
        if (before := earlier.get(view.report.identity)) is not None
        and (was := before.status.clients) is not None
    ]
    ages = [clients.data_age_ms for _, clients in serving if clients.data_age_ms is not None]
    details = Counter(clients.data_detail for _, clients in serving if clients.data_detail)
    closed: Counter[str] = Counter()
    for _, clients in serving:
        closed.update(clients.closed)
    return ClientsView(
        connections=sum(clients.connections for _, clients in serving),
        subscriptions=sum(clients.subscriptions for _, clients in serving),
        blocked=sum(clients.blocked for _, clients in serving),
        bytes_per_second=sum(rates) if rates else None,
        data_states=Counter(clients.data_state or "not known yet" for _, clients in serving),
        data_detail=details.most_common(1)[0][0] if details else "",
        data_age_ms=max(ages, default=None),
        data_since_ms=since_ms,
        listed=_listed(serving),
        users=_users(each for _, clients in serving for each in clients.users),
        closed=dict(closed.most_common()),
    )


def connection_view(process: str, clock_offset_ms: int, connection: ConnectionStatus) -> ConnectionView:
    """A connection in the report of a process (`host:pid`), with instants of the cache server's clock.

    `clock_offset_ms`: how far the clock of the process is ahead of it.
    """
    blocked_ms = connection.blocked_since_ms
    return ConnectionView(
        process=process,
        connection=msgspec.structs.replace(
            connection,
            since_ms=connection.since_ms - clock_offset_ms,
            blocked_since_ms=blocked_ms and blocked_ms - clock_offset_ms,
        ),
    )


def without_people(view: ProcessView) -> ProcessView:
    """The process without its connections, which `ClientsView` has: each is in the document once.

    Those of a process that does not run any more are gone.
    """
    clients = view.report.status.clients
    if clients is None or not (clients.listed or clients.users):
        return view
    bare = msgspec.structs.replace(clients, listed=(), users=())
    status = msgspec.structs.replace(view.report.status, clients=bare)
    return msgspec.structs.replace(view, report=msgspec.structs.replace(view.report, status=status))


def _listed(serving: Iterable[tuple[ProcessView, ClientsStatus]]) -> Sequence[ConnectionView]:
    views = (
        connection_view(f"{view.report.host}:{view.report.pid}", view.clock_offset_ms, each)
        for view, clients in serving
        for each in clients.listed
    )
    return nlargest(MOST_LISTED, views, key=lambda each: each.connection.weight)


def _users(reported: Iterable[UserStatus]) -> Sequence[UserStatus]:
    """The users of all processes, each once."""
    totals: dict[int, UserStatus] = {}
    for each in reported:
        known = totals.get(each.user_id)
        totals[each.user_id] = (
            each
            if known is None
            else UserStatus(
                user_id=each.user_id,
                user=each.user,
                connections=known.connections + each.connections,
                feeds=known.feeds + each.feeds,
                blocked=known.blocked + each.blocked,
                bytes_per_second=known.bytes_per_second + each.bytes_per_second,
            )
        )
    return greatest_users(totals.values())
