"""The viewer of a connection comes from outside; the consumer itself accepts no user."""

from channels.testing import WebsocketCommunicator

from marketdata.clock import SystemClock
from marketdata.runtime.live_settings import FixedSettings
from marketdata.store.keys import Keys
from tests.support.feeds import CATALOG
from widgets.consumers import Connections, WidgetConsumer
from widgets.data_service import WidgetDataService
from widgets.protocol import SUBPROTOCOL_V2
from widgets.settings import WidgetLimits


async def test_a_connection_whose_viewer_nobody_named_is_refused() -> None:
    service = WidgetDataService(cache_url="redis://127.0.0.1:1/0", keys=Keys(), shard_count=1)
    consumer = WidgetConsumer.as_asgi(
        hub=service.hub,
        catalog=CATALOG,
        connections=Connections(FixedSettings(WidgetLimits()), SystemClock()),
        clock=SystemClock(),
    )
    client = WebsocketCommunicator(consumer, "/ws/", subprotocols=[SUBPROTOCOL_V2])
    accepted, _ = await client.connect()
    assert not accepted
