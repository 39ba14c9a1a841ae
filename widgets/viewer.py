"""The user behind a connection. The site's entrance checks the login and gives the consumer a `Viewer`."""

from typing import Final, Protocol

VIEWER_KEY: Final = "viewer"
"""The key of the `Viewer` in the scope of a WebSocket."""


class Viewer(Protocol):
    """The user behind a connection, with their permissions and the end of their login."""

    @property
    def user_id(self) -> int:
        """The id of the user. Connections are counted per user."""

    @property
    def username(self) -> str:
        """The name of the user."""

    @property
    def permissions(self) -> frozenset[str]:
        """The permissions for feeds that the user has; see `FeedSource.permission`."""

    async def wait_until_ended(self) -> None:
        """Return when the login that opened this connection has ended. Raises no error."""
