"""The WebSocket consumer, a thin layer between a socket and the hub, and the limits on connections.

`websocket` has the consumer. `asgi_sink` sends frames on servers without the extension `mdp.frames`. `limits`
states the limits, `connections` counts the open connections, and `choices` what their users chose.
"""

from widgets.consumers.connections import Connections
from widgets.consumers.limits import DEFAULT_LIMITS, WidgetLimits
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["DEFAULT_LIMITS", "Connections", "WidgetConsumer", "WidgetLimits"]
