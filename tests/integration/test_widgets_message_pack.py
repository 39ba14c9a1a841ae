"""A program that speaks MessagePack, through a real server and a real store."""

import pytest

from marketdata.schema.boards import TOP_GAINERS
from tests.support.protocol_forms import JSON, MESSAGE_PACK
from tests.support.widget_site import WidgetSite, logged_in

pytestmark = pytest.mark.django_db(transaction=True)


async def test_two_clients_in_different_forms_hold_the_same_rows(site: WidgetSite) -> None:
    session_key = await logged_in("ada")
    rows = {f"S{index}": {"close": index + 0.25, "volume": float(index)} for index in range(300)}
    await site.market.board(TOP_GAINERS, rows)
    async with (
        site.client(session_key, subprotocols=[MESSAGE_PACK.subprotocol]) as packed,
        site.client(session_key, subprotocols=[JSON.subprotocol]) as plain,
    ):
        for client in (packed, plain):
            await client.say(type="subscribe", feeds=[TOP_GAINERS, "quote:S7"])
            await client.of_type("snapshot", TOP_GAINERS)
        await site.market.board(
            TOP_GAINERS, {"NEW": {"close": 9.5, "volume": 1.0}} | rows | {"S5": {"close": 1.5}}
        )
        one, other = [
            await client.table(TOP_GAINERS, lambda table: table[0][0] == "NEW") for client in (packed, plain)
        ]
        assert one.table == other.table
        assert one.kinds == ["snapshot", "delta"]
        assert one.position == other.position


async def test_what_is_no_message_is_answered_in_message_pack_and_the_socket_stays_open(
    site: WidgetSite,
) -> None:
    async with site.client(await logged_in("ada"), subprotocols=[MESSAGE_PACK.subprotocol]) as client:
        for wrong in ('{"type":"ping"}', b"", b"\xc1", b"\x91" * 1_000, b"\xdd\xff\xff\xff\xff"):
            await client.connection.send(wrong)
            error = await client.of_type("error")
            assert error["code"] == "bad_message"
            assert "a MessagePack map in a binary frame" in error["message"]
        await client.say(type="ping", id=7)
        assert (await client.of_type("pong"))["id"] == 7


async def test_a_message_pack_that_is_too_large_ends_the_socket(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada"), subprotocols=[MESSAGE_PACK.subprotocol]) as client:
        await client.connection.send(bytes(65_537))
        assert (await client.of_type("error"))["code"] == "too_large"
        assert await client.closed() == 4409
