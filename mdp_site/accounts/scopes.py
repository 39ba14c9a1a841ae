"""The scopes of API tokens: what a token may read, and whether it may change anything.

The user's roles and the token's scopes must both permit it. So a token never has more rights than its user,
and a user can make a token that has less.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

READ_FEEDS: Final = "read:feeds"
READ_OPERATIONS: Final = "read:operations"
CONTROL: Final = "control"

MARKET_SCOPES: Final[Mapping[str, str | Promise]] = {
    "boards": _("Boards, also that of halts"),
    "quotes": _("Rows of symbols"),
    "trades": _("Trades of symbols"),
    "alerts": _("Lists of alerts and halts"),
}
"""The scopes of market data, with their labels. The names are permissions for feeds; see `roles`.

Each kind of feed states the permission that it needs (`FeedSource.permission`). docs/login.md lists scopes,
labels and feeds; a test compares them.
"""

SCOPES: Final[Mapping[str, str | Promise]] = {
    **MARKET_SCOPES,
    READ_FEEDS: _("All market data, also of later releases"),
    READ_OPERATIONS: _("What the services do, their settings, and the audit"),
    CONTROL: _("Changes of what the services do"),
}
"""Each scope, with its label."""

PERMITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **{name: frozenset({name}) for name in MARKET_SCOPES},
        READ_FEEDS: frozenset(MARKET_SCOPES),
        READ_OPERATIONS: frozenset({"operations"}),
        CONTROL: frozenset({"control"}),
    }
)
"""The permissions that each scope lets through."""

WITHOUT_SCOPE: Final = frozenset({"status"})
"""Every connection gets the state of the data, so no token has to ask for it."""

MAX_SCOPES_LENGTH: Final = 200
_SEPARATOR: Final = " "  # as in OAuth 2.0, RFC 6749 section 3.3


def scopes_text(scopes: Iterable[str]) -> str:
    """The scopes as they are stored: sorted, each once.

    Raises:
        ValueError: there is no scope, or an unknown one.
    """
    chosen = set(scopes)
    if not chosen or not chosen <= SCOPES.keys():
        raise ValueError(f"scopes {sorted(chosen)}; accepted: one or more of {', '.join(SCOPES)}")
    return _SEPARATOR.join(sorted(chosen))


def scopes_in(text: str) -> tuple[str, ...]:
    """The stored scopes. Names that this release does not know are left out, so they permit nothing."""
    return tuple(scope for scope in text.split(_SEPARATOR) if scope in SCOPES)


def scopes_for(permission: str) -> tuple[str, ...]:
    """The scopes of which a token needs one for this permission; none if every token has it."""
    return tuple(scope for scope, permitted in PERMITS.items() if permission in permitted)


def offered_scopes(permissions: Collection[str]) -> tuple[str, ...]:
    """The scopes that are of use to a user with these permissions."""
    return tuple(scope for scope, permitted in PERMITS.items() if permitted & set(permissions))


@lru_cache(maxsize=1_024)  # asked for every open connection with each look
def permissions_within(text: str, permissions: frozenset[str]) -> frozenset[str]:
    """Those of the user's permissions that the stored scopes permit too."""
    return permissions & WITHOUT_SCOPE.union(*(PERMITS[scope] for scope in scopes_in(text)))


ALL_MARKET_SCOPES: Final = scopes_text(MARKET_SCOPES)
"""All market data, read-only: the default of a new token."""
