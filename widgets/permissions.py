"""Who may see which feed."""

from typing import Protocol

from widgets.catalog import Feed, Permission


class Viewer(Protocol):
    """What is asked of a user; every Django user fits."""

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody is logged in."""

    @property
    def is_active(self) -> bool:
        """Whether the account may still be used."""


def granted(viewer: Viewer) -> frozenset[Permission]:
    """What a viewer may see. Whoever has logged in sees boards, quotes and the status; nobody else anything.

    Roles that see less or more change this function and nothing else.
    """
    return frozenset(Permission) if viewer.is_authenticated and viewer.is_active else frozenset()


def may_see(viewer: Viewer, feed: Feed) -> bool:
    """Whether a viewer may have a feed."""
    return feed.permission in granted(viewer)
