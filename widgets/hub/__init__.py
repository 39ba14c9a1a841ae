"""One per web process: stored market state comes in once and goes out to every connection.

`rows` and `stream` decide (pure), `shard` and `liveness` keep track (pure), `hub` runs the tasks.
Nothing here knows Django, Channels or a socket: connections hand in their outboxes.
"""

from widgets.hub.hub import Announcements, Hub, Snapshots

__all__ = ["Announcements", "Hub", "Snapshots"]
