"""The scopes of API tokens: which kinds of feeds a token may read. No scope allows to change anything.

The user's roles and the token's scopes must both permit a feed. So a token never has more rights than its
user, and a user can make a token that has less. There is no scope for `operations`: no token reads it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SCOPES: Final[Mapping[str, str | Promise]] = {
    "boards": _("Boards, also that of halts"),
    "quotes": _("Rows of symbols"),
    "trades": _("Trades of symbols"),
    "alerts": _("Lists of alerts and halts"),
}
"""Each scope, with its label. The names are permissions for feeds; see `roles`.

Each kind of feed states the scope that permits it (`FeedSource.permission`). docs/login.md lists scopes,
labels and feeds; a test compares them.
"""

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


@lru_cache(maxsize=1_024)  # asked for every open connection with each look
def feeds_within(text: str, feeds: frozenset[str]) -> frozenset[str]:
    """Those of the user's permissions for feeds that the stored scopes permit too."""
    return feeds & (WITHOUT_SCOPE | set(scopes_in(text)))


ALL_SCOPES: Final = scopes_text(SCOPES)
"""All market data, read-only: the default of a new token."""
