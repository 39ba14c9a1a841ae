"""One per web process: stored market state comes in once and goes out to every connection.

From the bottom up: `rows` compares states; `feeds` has one module for each kind of feed, whose streams turn
states into emissions, and the catalog of all feeds; `switchboard` joins feeds and connections; `verdict`,
`liveness` and `status_report` judge the data; `outboxes` knows who is connected; all of these only decide.
`hub` runs the tasks around them, of which `store_reader` and `listener_watch` have their own modules, at the
pace of `timing`.
Nothing here knows Django, Channels or a socket: connections hand in their outboxes.
"""

from widgets.hub.hub import BoardAnnouncements, Hub
from widgets.hub.timing import HubTiming

__all__ = ["BoardAnnouncements", "Hub", "HubTiming"]
