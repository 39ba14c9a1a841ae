"""A handshake that the consumer refuses tells the author of the client what is accepted."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from marketdata.clock import SystemClock
from marketdata.runtime.live_settings import FixedSettings
from tests.support.feeds import CATALOG
from tests.unit.widgets.hub.hub_rig import HubRig
from tests.unit.widgets.test_consumer import Ada
from widgets.consumers import Connections, WidgetConsumer
from widgets.protocol import SUBPROTOCOLS
from widgets.refusal import RESPONSE_EXTENSION
from widgets.settings import WidgetLimits
from widgets.viewer import VIEWER_KEY


def handshake(subprotocols: list[str], **scope: Any) -> WebsocketCommunicator:
    clock = SystemClock()
    consumer = WidgetConsumer.as_asgi(
        hub=HubRig().hub,
        catalog=CATALOG,
        connections=Connections(FixedSettings(WidgetLimits()), clock),
        clock=clock,
    )
    client = WebsocketCommunicator(consumer, "/ws/", subprotocols=subprotocols)
    client.scope |= {VIEWER_KEY: Ada(), "client": ("192.0.2.1", 5)} | scope
    return client


@pytest.mark.parametrize("offered", [[], ["mdp.v3"], ["<b>"]])
async def test_a_client_without_a_known_subprotocol_reads_which_are_accepted(offered: list[str]) -> None:
    client = handshake(offered, extensions={RESPONSE_EXTENSION: {}})
    await client.send_input({"type": "websocket.connect"})
    start = await client.receive_output()
    assert start["status"] == 403
    body: bytes = (await client.receive_output())["body"]
    assert dict(start["headers"])[b"content-length"] == str(len(body)).encode()
    assert all(subprotocol.encode() in body for subprotocol in SUBPROTOCOLS)
    assert b"<b>" not in body


async def test_a_server_that_can_send_no_body_refuses_too() -> None:
    client = handshake(["mdp.v3"])
    accepted, _ = await client.connect()
    assert not accepted
