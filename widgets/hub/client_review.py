"""Which connections matter most, and the totals by user: one pass over all connections every few seconds.

Nothing is done per frame but the two counts that each outbox keeps. Between two passes the result stays, so
the rates are of the time between them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from itertools import islice
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.runtime.connection_report import (
    MOST_FEEDS_NAMED,
    MOST_LISTED,
    ConnectionStatus,
    UserStatus,
    greatest_users,
    weight_of,
)
from marketdata.units import MS_PER_SECOND, NS_PER_MS
from widgets.hub.outbox import Outbox, Outboxes

REVIEW_SECONDS: Final = 5.0

MOST_FOUND: Final = 100
"""How many connections a search returns."""

BARE_PROTOCOL: Final = "version 1"
"""Version 1 has no subprotocol."""


class ReviewedClients(msgspec.Struct, frozen=True):
    """What one pass found."""

    listed: Sequence[ConnectionStatus] = ()
    users: Sequence[UserStatus] = ()


class FoundClients(msgspec.Struct, frozen=True):
    """The connections of one user: the first of them, and how many there are."""

    connections: Sequence[ConnectionStatus] = ()
    total: int = 0


class _Counts(msgspec.Struct, gc=False):
    """The counts of a connection at the pass before."""

    sent_bytes: int = 0
    conflated: int = 0


_NONE: Final = _Counts()


class _Total(msgspec.Struct, gc=False):
    """What the connections of one user add up to."""

    user: str
    connections: int = 0
    feeds: int = 0
    blocked: int = 0
    sent_bytes: int = 0


class ClientReview:
    """Looks at all connections of a process. For one event loop."""

    def __init__(self, outboxes: Outboxes, clock: Clock) -> None:
        self._outboxes = outboxes
        self._clock = clock
        # The last pass, and the one before: their counts, and when they were (monotonic seconds).
        self._counts: dict[Outbox, _Counts] = {}
        self._looked_at = clock.monotonic()
        self._counts_before, self._looked_before = self._counts, self._looked_at
        self._newest = ReviewedClients()

    @property
    def newest(self) -> ReviewedClients:
        """What the last pass found."""
        return self._newest

    def look_if_due(self) -> None:
        """Look, if the last pass is `REVIEW_SECONDS` ago."""
        now = self._clock.monotonic()
        if now - self._looked_at >= REVIEW_SECONDS:
            self._look(now)

    def _look(self, now: float) -> None:
        seconds = now - self._looked_at
        before, blocked = self._counts, self._outboxes.blocked
        self._counts_before, self._looked_before = before, self._looked_at
        counts: dict[Outbox, _Counts] = {}
        totals: dict[int, _Total] = {}
        weighed: list[tuple[tuple[float, float, float], int, Outbox]] = []
        for number, (outbox, identity) in enumerate(self._outboxes.identities.items()):
            was = before.get(outbox, _NONE)
            counts[outbox] = _Counts(outbox.sent_bytes, outbox.conflated)
            sent = outbox.sent_bytes - was.sent_bytes
            weight = weight_of(blocked.get(outbox), outbox.conflated - was.conflated, sent)
            weighed.append((weight, -number, outbox))
            total = totals.get(identity.user_id)
            if total is None:
                total = totals[identity.user_id] = _Total(identity.user)
            total.connections += 1
            total.feeds += len(outbox.feeds)
            total.sent_bytes += sent
        for outbox in blocked:
            totals[self._outboxes.identities[outbox].user_id].blocked += 1
        status = self._status_of(before, seconds)
        self._newest = ReviewedClients(
            listed=[status(outbox) for _, _, outbox in nlargest(MOST_LISTED, weighed)],
            users=greatest_users(_user_status(user_id, total, seconds) for user_id, total in totals.items()),
        )
        self._counts, self._looked_at = counts, now

    def of_user(self, user: str) -> FoundClients:
        """The connections of a user by name, in any case of letters. Rates are of the last 5 to 10 s."""
        wanted = user.casefold()
        known = self._outboxes.identities
        found = [outbox for outbox, identity in known.items() if identity.user.casefold() == wanted]
        status = self._status_of(self._counts_before, self._clock.monotonic() - self._looked_before)
        return FoundClients([status(outbox) for outbox in islice(found, MOST_FOUND)], len(found))

    def _status_of(
        self, before: Mapping[Outbox, _Counts], seconds: float
    ) -> Callable[[Outbox], ConnectionStatus]:
        now_ms, now = self._clock.time_ns() // NS_PER_MS, self._clock.monotonic()

        def status(outbox: Outbox) -> ConnectionStatus:
            identity, was = self._outboxes.identities[outbox], before.get(outbox, _NONE)
            blocked_since = self._outboxes.blocked.get(outbox)
            span = min(seconds, max(1.0, (now_ms - identity.since_ms) / MS_PER_SECOND))
            return ConnectionStatus(
                user_id=identity.user_id,
                user=identity.user,
                since_ms=identity.since_ms,
                address=identity.address,
                way=identity.way,
                token=identity.token,
                protocol=outbox.version.subprotocol or BARE_PROTOCOL,
                feeds=len(outbox.feeds),
                first_feeds=_first(outbox.feeds),
                bytes_per_second=_per_second(outbox.sent_bytes - was.sent_bytes, span),
                conflated=outbox.conflated,
                conflated_per_second=round((outbox.conflated - was.conflated) / span, 2) if span > 0 else 0.0,
                blocked_since_ms=0
                if blocked_since is None
                else now_ms - round((now - blocked_since) * MS_PER_SECOND),
            )

        return status


def _user_status(user_id: int, total: _Total, seconds: float) -> UserStatus:
    return UserStatus(
        user_id=user_id,
        user=total.user,
        connections=total.connections,
        feeds=total.feeds,
        blocked=total.blocked,
        bytes_per_second=_per_second(total.sent_bytes, seconds),
    )


def _per_second(count: int, seconds: float) -> int:
    return round(count / seconds) if seconds > 0 else 0


def _first(keys: Iterable[str]) -> Sequence[str]:
    """The names of some feeds, without the choices of columns and rate, in the order of the alphabet."""
    return sorted({key.partition(" ")[0] for key in keys})[:MOST_FEEDS_NAMED]
