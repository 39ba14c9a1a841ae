"""The connections in the report of a web process: the few that matter most, and totals by user.

They name people and their addresses. So only those who may see the operations page may see them.
"""

import math
from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Final, TypeAlias

import msgspec

MOST_LISTED: Final = 20
"""How many connections, and how many users, a process reports."""

MOST_FEEDS_NAMED: Final = 5

Weight: TypeAlias = tuple[float, float, float]


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One connection: who has it, since when, and what it takes.

    `address`: of the client, as the trusted proxies report it. `way`: how the user logged in, `session` or
    `token`; `token` is the name of the token. `protocol`: of docs/protocol.md, such as `mdp.v2`.
    `first_feeds`: some of its `feeds`. `bytes_per_second` and `conflated_per_second` are of the last seconds;
    `conflated` is since the beginning. `blocked_since_ms`: since when it takes nothing; 0 if it does.
    """

    user_id: int
    user: str
    since_ms: int
    address: str = ""
    way: str = ""
    token: str = ""
    protocol: str = ""
    feeds: int = 0
    first_feeds: Sequence[str] = ()
    bytes_per_second: int = 0
    conflated: int = 0
    conflated_per_second: float = 0.0
    blocked_since_ms: int = 0

    @property
    def weight(self) -> Weight:
        """How much it matters: first by how long it is blocked, then by how slow it is, then by its bytes."""
        blocked = -self.blocked_since_ms if self.blocked_since_ms else -math.inf
        return (blocked, self.conflated_per_second, self.bytes_per_second)


class UserStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All connections of one user in a web process."""

    user_id: int
    user: str
    connections: int = 0
    feeds: int = 0
    blocked: int = 0
    bytes_per_second: int = 0


def greatest_users(users: Iterable[UserStatus]) -> Sequence[UserStatus]:
    """Those with the most connections, then with the most bytes; at most `MOST_LISTED`."""
    return nlargest(MOST_LISTED, users, key=lambda each: (each.connections, each.bytes_per_second))
