"""Sends feeds once more to all their subscribers, as an operator asks for, without a burst of load."""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from widgets.hub.outbox import Outbox, Outboxes
from widgets.hub.switchboard import Switchboard

SUBSCRIPTIONS_PER_WALK: Final = 500
"""So many snapshots are put into outboxes, and then written by a walk, before the next ones. The pace of the
walks leaves half of the time to other work."""
MOST_WALKS: Final = 100
"""With so many subscriptions that this is not enough, each walk has more of them. If walks are costly, one
begins at least 50 ms after the one before, and an operator waits for 10 s."""


class Resynced(msgspec.Struct, frozen=True):
    """How many snapshots were sent, and to how many connections."""

    snapshots: int
    connections: int


async def resync(switchboard: Callable[[], Switchboard], outboxes: Outboxes, name: str) -> Resynced:
    """Send the feeds of this name, or all feeds if it is empty, as snapshots to those who have them now.

    `switchboard` is the present one: the hub may start over meanwhile. Who leaves meanwhile is sent nothing.
    """
    due = [
        (outbox, feed.key)
        for feed, subscribers in switchboard().subscribers.items()
        if not name or feed.name == name
        for outbox in subscribers
    ]
    snapshots, reached = 0, set[Outbox]()
    at_once = max(SUBSCRIPTIONS_PER_WALK, math.ceil(len(due) / MOST_WALKS))
    for start in range(0, len(due), at_once):
        some = due[start : start + at_once]
        greeted = [outbox for outbox, key in some if switchboard().greet_again(outbox, key)]
        snapshots += len(greeted)
        reached.update(greeted)
        walked = outboxes.walked
        outboxes.mark(greeted)
        await walked.wait()
    return Resynced(snapshots, len(reached))
