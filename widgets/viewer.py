"""Whose connection it is. Whoever lets a connection in hands this over; this room asks nobody else."""

from typing import Final, Protocol

VIEWER_KEY: Final = "viewer"
"""Where the scope of a WebSocket has its `Viewer`."""


class Viewer(Protocol):
    """The user behind a connection, and how long the connection may last."""

    @property
    def user_id(self) -> int:
        """One number for each user: connections are counted by it."""

    @property
    def username(self) -> str:
        """How the user is called."""

    @property
    def permissions(self) -> frozenset[str]:
        """Which sorts of feeds the user may have: what their kinds ask for (`FeedSource.permission`)."""

    async def wait_until_ended(self) -> None:
        """Returns when the login has ended by which the connection came in. Raises no error."""
