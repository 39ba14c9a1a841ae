"""Who a connection belongs to is handed in; the consumer lets in nobody by itself."""

from channels.testing import WebsocketCommunicator

from marketdata.clock import SystemClock
from widgets.consumers import ConnectionLimit, WidgetConsumer
from widgets.protocol import SUBPROTOCOL_V2
from widgets.routing import hub


async def test_a_connection_whose_viewer_nobody_named_is_refused() -> None:
    consumer = WidgetConsumer.as_asgi(hub=hub, connections=ConnectionLimit(), clock=SystemClock())
    client = WebsocketCommunicator(consumer, "/ws/", subprotocols=[SUBPROTOCOL_V2])
    accepted, _ = await client.connect()
    assert not accepted
