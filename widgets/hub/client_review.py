"""Which connections matter most, and the totals by user: one pass over all connections every few seconds.

Nothing is done per frame but the two counts that each outbox keeps. Between two passes the result stays, so
the rates are of the time between them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from itertools import islice, repeat
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.clock import Clock
from marketdata.control.connection_search import MOST_FOUND, FoundConnections
from marketdata.runtime.connection_report import (
    MOST_FEEDS_NAMED,
    MOST_LISTED,
    ConnectionStatus,
    UserStatus,
    greatest_users,
)
from marketdata.units import MS_PER_SECOND, NS_PER_MS
from widgets.hub.client_identity import ClientIdentity
from widgets.hub.outbox import Outbox, Outboxes

REVIEW_SECONDS: Final = 5.0

BARE_PROTOCOL: Final = "version 1"
"""Version 1 has no subprotocol."""


IntArray: TypeAlias = NDArray[np.int64]


class ReviewedClients(msgspec.Struct, frozen=True):
    """What one pass found."""

    listed: Sequence[ConnectionStatus] = ()
    users: Sequence[UserStatus] = ()


class _Pass(msgspec.Struct, frozen=True):
    """The counts of all connections at one pass, and when it was (monotonic seconds)."""

    at: float
    sent_bytes: Mapping[Outbox, int] = {}
    conflated: Mapping[Outbox, int] = {}


class ClientReview:
    """Looks at all connections of a process. For one event loop."""

    def __init__(self, outboxes: Outboxes, clock: Clock) -> None:
        self._outboxes = outboxes
        self._clock = clock
        self._last = self._before = _Pass(clock.monotonic())
        self._newest = ReviewedClients()

    @property
    def newest(self) -> ReviewedClients:
        """What the last pass found."""
        return self._newest

    def look_if_due(self) -> None:
        """Look, if the last pass is `REVIEW_SECONDS` ago."""
        now = self._clock.monotonic()
        if now - self._last.at >= REVIEW_SECONDS:
            self._look(now)

    def _look(self, now: float) -> None:
        # Whole columns instead of a loop: 10,000 connections take 5 ms.
        identities, blocked, before = self._outboxes.identities, self._outboxes.blocked, self._last
        outboxes = list(identities)
        sent_bytes = [outbox.sent_bytes for outbox in outboxes]
        conflated = [outbox.conflated for outbox in outboxes]
        self._before = before
        self._last = _Pass(
            now, dict(zip(outboxes, sent_bytes, strict=True)), dict(zip(outboxes, conflated, strict=True))
        )
        sent = np.array(sent_bytes) - _values(before.sent_bytes, outboxes)
        lately_conflated = np.array(conflated) - _values(before.conflated, outboxes)
        longest_blocked = islice(blocked, MOST_LISTED)  # they are in the order in which they stopped
        chosen = {*longest_blocked, *_greatest(outboxes, sent), *_greatest(outboxes, lately_conflated)}
        status = self._status_of(before)
        listed = nlargest(MOST_LISTED, map(status, chosen), key=lambda each: each.weight)
        users = _users(list(identities.values()), outboxes, sent, now - before.at)
        for outbox in blocked:
            user_id = identities[outbox].user_id
            if (user := users.get(user_id)) is not None:
                users[user_id] = msgspec.structs.replace(user, blocked=user.blocked + 1)
        self._newest = ReviewedClients(listed=listed, users=greatest_users(users.values()))

    def of_user(self, user: str) -> FoundConnections:
        """The connections of a user by name, in any case of letters. Rates are of the last 5 to 10 s."""
        wanted = user.casefold()
        known = self._outboxes.identities
        found = [outbox for outbox, identity in known.items() if identity.user.casefold() == wanted]
        status = self._status_of(self._before)
        return FoundConnections([status(outbox) for outbox in islice(found, MOST_FOUND)], len(found))

    def _status_of(self, before: _Pass) -> Callable[[Outbox], ConnectionStatus]:
        now_ms, now = self._clock.time_ns() // NS_PER_MS, self._clock.monotonic()

        def status(outbox: Outbox) -> ConnectionStatus:
            identity = self._outboxes.identities[outbox]
            sent_bytes = outbox.sent_bytes - before.sent_bytes.get(outbox, 0)
            conflated = outbox.conflated - before.conflated.get(outbox, 0)
            blocked_since = self._outboxes.blocked.get(outbox)
            seconds = min(now - before.at, max(1.0, (now_ms - identity.since_ms) / MS_PER_SECOND))
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
                bytes_per_second=round(_rate(sent_bytes, seconds)),
                conflated=outbox.conflated,
                conflated_per_second=round(_rate(conflated, seconds), 2),
                blocked_since_ms=0
                if blocked_since is None
                else now_ms - round((now - blocked_since) * MS_PER_SECOND),
            )

        return status


def _values(counts: Mapping[Outbox, int], outboxes: Sequence[Outbox]) -> IntArray:
    """The count of each outbox; 0 if it has none."""
    return np.fromiter(map(counts.get, outboxes, repeat(0)), np.int64, len(outboxes))


def _greatest(outboxes: Sequence[Outbox], counts: IntArray) -> Iterable[Outbox]:
    """The outboxes with the greatest counts, in any order."""
    most = min(MOST_LISTED, len(outboxes))
    return [outboxes[place] for place in np.argpartition(-counts, most - 1)[:most]] if most else ()


def _users(
    identities: Sequence[ClientIdentity], outboxes: Sequence[Outbox], sent: IntArray, seconds: float
) -> dict[int, UserStatus]:
    """The totals of the users with the most connections, by user."""
    if not identities:
        return {}
    ids = np.array([identity.user_id for identity in identities])
    _, first, places, connections = np.unique(ids, return_index=True, return_inverse=True, return_counts=True)
    feeds = np.bincount(places, [len(outbox.feeds) for outbox in outboxes])
    rates = np.bincount(places, sent)
    order = np.lexsort((rates, connections))[-MOST_LISTED:]
    return {
        (identity := identities[first[place]]).user_id: UserStatus(
            user_id=identity.user_id,
            user=identity.user,
            connections=int(connections[place]),
            feeds=int(feeds[place]),
            bytes_per_second=round(_rate(float(rates[place]), seconds)),
        )
        for place in order
    }


def _rate(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _first(keys: Iterable[str]) -> Sequence[str]:
    """The names of some feeds, without the choices of columns and rate, in the order of the alphabet."""
    return sorted({key.partition(" ")[0] for key in keys})[:MOST_FEEDS_NAMED]
