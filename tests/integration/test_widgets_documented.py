"""What a running site sends and accepts is what docs/asyncapi.json says, in both forms of the protocol."""

import copy
from typing import Any

import pytest

from marketdata.schema.boards import TOP_GAINERS
from tests.support.documented_protocol import DOCUMENTED
from tests.support.protocol_forms import FORMS, Form
from tests.support.widget_site import Frame, WidgetClient, WidgetSite, logged_in

pytestmark = pytest.mark.django_db(transaction=True)

HIGHS = "daily_range_hod_alert"
TRADES = "trades:AAPL"
DAY_MS = 1_800_000_000_000


class Recorder(WidgetClient):
    """A client that checks and keeps every frame, and checks every message that it sends."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kinds: set[str] = set()

    async def say(self, **message: Any) -> None:
        DOCUMENTED.check_received(message)
        await super().say(**message)

    async def hear(self, kind: str, *feeds: str) -> Frame:
        """Read on until a frame of this kind came, for each of the feeds. Returns the last one."""
        missing = set(feeds)

        def checked(frame: Frame) -> bool:
            DOCUMENTED.check_sent(frame)
            self.kinds.add(frame["type"])
            if frame["type"] != kind:
                return False
            missing.discard(frame.get("feed", ""))
            return not missing

        return await self.frame(checked)

    async def answer(self, kind: str, **message: Any) -> None:
        """Send a message, and hear the answer of this kind, which the document must have."""
        await self.say(**message)
        DOCUMENTED.check_reply(message["type"], kind)
        await self.hear(kind)


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
async def test_every_kind_of_frame_of_a_running_site_is_as_documented(form: Form, site: WidgetSite) -> None:
    session_key = await logged_in("olga", is_staff=True)
    await site.market.board(TOP_GAINERS, {"AAPL": {"close": 10.0}, "XYZ": {"close": 9.0}})
    await site.market.alert("daily_range_high", "AAPL", price=10.0, level=9.0)
    await site.market.trades("AAPL", (DAY_MS, 10.0))
    offer: dict[str, Any] = {"subprotocols": [form.subprotocol]}
    async with site.connect(session_key, **offer) as one, site.connect(session_key, **offer) as other:
        client, late = Recorder(one), Recorder(other)
        await client.hear("welcome")
        await client.say(type="subscribe", feeds=[TOP_GAINERS, {"feed": TRADES, "hz": 4}, HIGHS])
        await client.hear("snapshot", TOP_GAINERS, TRADES, HIGHS)
        await site.market.board(TOP_GAINERS, {"MSFT": {"close": 11.0}, "AAPL": {"close": 10.5}})
        await client.hear("delta", TOP_GAINERS)
        await site.market.trades("AAPL", (DAY_MS + 1, 10.25))
        await client.hear("append", TRADES)
        await site.market.alert("daily_range_high", "AAPL", price=11.0, level=10.0)
        await client.hear("alert", HIGHS)
        await client.answer("document", type="subscribe", feeds=["operations"])

        late.copies[TOP_GAINERS] = copy.deepcopy(client.copies[TOP_GAINERS])
        place = client.copies[TOP_GAINERS].position
        await late.answer("resumed", type="subscribe", feeds=[{"feed": TOP_GAINERS, **place}])
        await client.answer("snapshot", type="resync", feeds=[TOP_GAINERS])
        await client.answer("unsubscribed", type="unsubscribe", feeds=[TRADES])
        await client.answer("error", type="subscribe", feeds=["scanners:nope"])
        await client.answer("pong", type="ping", id="a")
        await client.answer("pong", type="ping")
        await client.connection.send(form.write({"type": "gossip"}))
        assert "feed" not in await client.hear("error")
        await client.hear("status")
    assert client.kinds | late.kinds == DOCUMENTED.sent
