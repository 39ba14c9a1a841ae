"""The short-lived token with which a page opens its WebSocket, also where the session cookie does not reach.

The cookie does not reach a socket that has another host name than the page (`WDS_URL`). The token names a
user and a row of the list of sessions, and is signed with the site's secret key. It does not contain the
session key, which scripts of a page must not see. It is valid for `LIFETIME_SECONDS`, and not longer than its
session. Until then it can be used again. It only opens connections; these last as long as the session.

The page sends it as a subprotocol: `new WebSocket(url, ["mdp.v2", "mdp.token.<token>"])`. So the handshake is
refused before a socket exists, and the token is not in a URL, which servers and proxies log. The entrance
removes it from the offered subprotocols.
"""

from collections.abc import Sequence
from typing import Final

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

LIFETIME_SECONDS: Final = 300
SUBPROTOCOL_PREFIX: Final = "mdp.token."
MAX_TOKEN_LENGTH: Final = 512
_SALT: Final = "mdp_site.accounts.page_tokens"
# The subprotocols of a handshake are tokens of HTTP (RFC 9110 section 5.6.2), which have no colon.
_SEPARATOR: Final = "."


class PageTokenRefused(Exception):
    """A page token that is not valid."""


def make_page_token(user_id: int, listed_session_id: int) -> str:
    """A token for the user of the session in this row of the list of sessions. It is valid from now on."""
    return _signer().sign_object([user_id, listed_session_id])


def read_page_token(text: str) -> tuple[int, int]:
    """The ids of the user and of the session's row in the list of sessions.

    Whether the session is still valid, and is one of this user, must be asked from the database.

    Raises:
        PageTokenRefused: the token is forged or has expired.
    """
    if len(text) > MAX_TOKEN_LENGTH:
        raise PageTokenRefused("not a token of this site")
    try:
        content = _signer().unsign_object(text, max_age=LIFETIME_SECONDS)
    except SignatureExpired:
        raise PageTokenRefused("expired") from None
    except BadSignature:
        raise PageTokenRefused("not a token of this site") from None
    user_id, listed_session_id = content
    return user_id, listed_session_id


def page_token_among(subprotocols: Sequence[str]) -> str | None:
    """The token among the offered subprotocols; None if there is none."""
    for offered in subprotocols:
        if offered.startswith(SUBPROTOCOL_PREFIX):
            return offered.removeprefix(SUBPROTOCOL_PREFIX)
    return None


def without_page_token(subprotocols: Sequence[str]) -> list[str]:
    """The offered subprotocols that are protocols."""
    return [offered for offered in subprotocols if not offered.startswith(SUBPROTOCOL_PREFIX)]


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=_SALT, sep=_SEPARATOR)
