"""The hub of a web process: it receives the stored market state once and sends it to all connections.

From the bottom up:
- `feeds` has one module for each kind of feed, and the catalog of all feeds. Its streams turn states into
  emissions.
- `switchboard` connects feeds with their subscribers.
- `fates` counts what became of everything that was put into an outbox.
- `outbox` has the frames that wait for each connection, and the walk that writes them.
- `client_identity` says who is behind a connection. `client_review` finds the connections that matter most,
  and `endings` counts how connections ended: for operators.
- `verdict` and `liveness` judge the data and send the status.
- `hub` runs the tasks. Three of them have modules of their own: `store_reader`, `listener_watch`, and
  `installation_watch`, which reads what the operations page shows.
- `timing` has the intervals of the tasks.
- `resync` sends feeds once more to all, as operators ask for.
- `day_lists` reads older entries of lists from the store, for programs.

Only the tasks do I/O. The hub does not know Django, Channels or sockets: a connection passes in its outbox
with a sink.
"""

from widgets.hub.hub import BoardAnnouncements, Hub
from widgets.hub.switchboard import TooManyChoicesError
from widgets.hub.timing import HubTiming

__all__ = ["BoardAnnouncements", "Hub", "HubTiming", "TooManyChoicesError"]
