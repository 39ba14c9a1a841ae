"""The WebSocket consumers, a thin layer between a socket and the hub, and the limits on connections.

`connection` has what all of them share. `websocket` has the dialogue of version 2, and `version_1` that of
version 1, whose feeds are in `version_1_feeds`. `asgi_sink` sends frames on servers without the extension
`mdp.frames`. `limits` checks the limits of `widgets.settings` and counts what a client sends, `connections`
counts the open connections, and `choices` what their users chose.
"""

from widgets.consumers.connections import Connections
from widgets.consumers.limits import check_limits
from widgets.consumers.version_1 import Version1Consumer
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["Connections", "Version1Consumer", "WidgetConsumer", "check_limits"]
