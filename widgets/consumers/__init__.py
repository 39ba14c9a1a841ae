"""The WebSocket consumer, a thin layer between a socket and the hub, and the limits on connections.

`websocket` has the consumer. `asgi_sink` sends frames on servers without the extension `mdp.frames`. `limits`
checks and tells the limits of `widgets.settings`, and `connections` counts the open connections.
"""

from widgets.consumers.connections import Connections
from widgets.consumers.limits import check_limits
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["Connections", "WidgetConsumer", "check_limits"]
