"""The WebSocket classes: thin, they carry frames between a socket and the hub."""

from widgets.consumers.connections import MOST_CONNECTIONS_PER_USER, ConnectionLimit
from widgets.consumers.login import RECHECK_SECONDS
from widgets.consumers.websocket import WidgetConsumer

__all__ = ["MOST_CONNECTIONS_PER_USER", "RECHECK_SECONDS", "ConnectionLimit", "WidgetConsumer"]
