"""The user behind a connection. The site's entrance checks the login and gives the consumer a `Viewer`."""

import enum
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

VIEWER_KEY: Final = "viewer"
"""The key of the `Viewer` in the scope of a WebSocket."""


class LoginEnd(enum.Enum):
    """Why a connection may not go on."""

    LOGGED_OUT = "logged out"
    """The session or token that opened it is no longer valid: the user must log in again."""
    NO_RIGHT = "no right"
    """The login is valid, but its user has lost the right to market data. Another login changes nothing."""
    DISCONNECTED = "disconnected"
    """The login is valid. An operator ended the connection, and the user may connect again."""


class LogInRefused(Exception):
    """A key with which nobody can log in. `end` says why; None: it cannot be checked now."""

    def __init__(self, end: LoginEnd | None) -> None:
        super().__init__("the login cannot be checked now" if end is None else end.value)
        self.end = end


class Follower(Protocol):
    """A connection that follows the login of its viewer.

    Both methods are called in the event loop, for many connections in a row. They return at once and raise
    no error.
    """

    def on_login_ended(self, end: LoginEnd) -> None:
        """The connection must be closed. It is called at most once, and nothing is called after it."""

    def on_permissions_changed(self, permissions: frozenset[str]) -> None:
        """The viewer now has these permissions. Feeds that need another one must end."""


class Viewer(Protocol):
    """The user behind a connection, with their permissions and the end of their login."""

    @property
    def user_id(self) -> int:
        """The id of the user. Connections are counted per user."""

    @property
    def username(self) -> str:
        """The name of the user."""

    @property
    def way(self) -> str:
        """How the user logged in: `session` or `token`."""

    @property
    def token_name(self) -> str:
        """The name of the token, as its user gave it; empty for a session."""

    @property
    def permissions(self) -> frozenset[str]:
        """The present permissions for feeds; see `FeedSource.permission`."""

    def follow(self, follower: Follower) -> None:
        """Report changes of the login to this connection, until the connection ends.

        An end that came before is reported at once. Changes of `permissions` before are not reported.
        """


LOG_IN_KEY: Final = "log_in"
"""The key in the scope of a WebSocket that has no viewer yet: its client logs in by a message (version 1)."""

LogIn: TypeAlias = Callable[[str], Awaitable[Viewer]]
"""Logs in with an API key. The login is followed until the connection ends. Raises `LogInRefused`."""
