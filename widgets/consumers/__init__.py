"""The WebSocket classes: thin, they carry frames between a socket and the hub."""

from widgets.consumers.connections import MOST_CONNECTIONS_PER_USER, ConnectionLimit
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["MOST_CONNECTIONS_PER_USER", "ConnectionLimit", "WidgetConsumer"]
