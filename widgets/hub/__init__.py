"""One per web process: stored market state comes in once and goes out to every connection.

From the bottom up: `rows` compares states, `stream` turns them into the frames of one feed, `events` does so
for what happens, `shard` follows the watched rows, `switchboard` joins feeds and connections, `liveness`
judges; all of these only decide. `hub` runs the tasks around them.
Nothing here knows Django, Channels or a socket: connections hand in their outboxes.
"""

from widgets.hub.hub import Announcements, Hub, Snapshots

__all__ = ["Announcements", "Hub", "Snapshots"]
