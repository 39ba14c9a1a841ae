"""The WebSocket consumer, a thin layer between a socket and the hub, and the limit on connections."""

from widgets.consumers.connections import MOST_CONNECTIONS_PER_USER, ConnectionLimit
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["MOST_CONNECTIONS_PER_USER", "ConnectionLimit", "WidgetConsumer"]
