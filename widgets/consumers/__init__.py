"""The WebSocket classes: thin, they carry frames between a socket and the hub."""

from widgets.consumers.connections import ConnectionLimit
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["ConnectionLimit", "WidgetConsumer"]
