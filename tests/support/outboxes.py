"""What waits in a hub for its connections."""

from collections.abc import Sequence

from widgets.hub import Hub


def waiting_frames(hub: Hub) -> Sequence[int]:
    """How many frames wait for each connection of a hub."""
    return [len(outbox) for outbox in hub._outboxes]
