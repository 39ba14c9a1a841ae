"""Alerts, trades and halts as a client hears them, while stores restart and shards change hands."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from marketdata.schema.boards import HALTS
from marketdata.store.keys import Keys
from tests.support.services import ValkeyServer
from tests.support.widget_site import WidgetSite, logged_in
from widgets.hub.feeds.stream import ROWS_HELD

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

HIGHS = "daily_range_hod_alert"
LOWS = "daily_range_lod_alert"
DAY_MS = 1_800_000_000_000


def exactly(*alerts: tuple[str, float]) -> Callable[[list[list[Any]]], bool]:
    """A condition: exactly these alerts, oldest first."""
    return lambda rows: [(row[0], row[1]) for row in rows] == list(alerts)


async def test_alerts_of_all_shards_come_in_one_feed_each_once(site: WidgetSite) -> None:
    await site.market.alert("daily_range_high", "AAPL", price=10.0, level=9.0)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HIGHS])
        await client.table(HIGHS, exactly(("AAPL", 10.0)))
        for index, symbol in enumerate(("MSFT", "IBM", "AAPL", "KO")):
            await site.market.alert("daily_range_high", symbol, times=2, price=20.0 + index, level=1.0)
        await client.table(
            HIGHS, exactly(("AAPL", 10.0), ("MSFT", 20.0), ("IBM", 21.0), ("AAPL", 22.0), ("KO", 23.0))
        )
        assert client.copies[HIGHS].kinds[0] == "snapshot"
        assert set(client.copies[HIGHS].kinds[1:]) == {"alert"}


async def test_highs_and_lows_are_feeds_of_their_own(site: WidgetSite) -> None:
    async with site.heartbeats(), site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HIGHS, LOWS])
        first = await client.of_type("snapshot", LOWS)
        assert (first["rows"], first["age_ms"]) == ([], None)
        await site.market.alert("daily_range_low", "XYZ", price=1.0, level=1.5, session=1)
        alert = await client.of_type("alert")
        assert alert["feed"] == LOWS
        row = dict(zip(first["columns"], alert["rows"][0][1:], strict=True))
        assert (row["price"], row["level"], row["session"], row["free_float"]) == (1.0, 1.5, 1, None)


async def test_a_list_of_alerts_is_bounded(site: WidgetSite) -> None:
    for number in range(ROWS_HELD + 20):
        await site.market.alert("daily_range_high", "AAPL", price=float(number))
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HIGHS])
        snapshot = await client.of_type("snapshot", HIGHS)
    assert [row[1] for row in snapshot["rows"]] == [float(number) for number in range(20, ROWS_HELD + 20)]


async def test_alerts_go_on_under_a_shards_new_owner_and_none_comes_twice(site: WidgetSite) -> None:
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HIGHS])
        await site.market.alert("daily_range_high", "AAPL", price=1.0)
        await client.table(HIGHS, exactly(("AAPL", 1.0)))
        site.market.new_owner()
        await site.market.alert("daily_range_high", "AAPL", price=2.0)
        await site.market.alert("daily_range_high", "MSFT", price=3.0)
        await client.table(HIGHS, exactly(("AAPL", 1.0), ("AAPL", 2.0), ("MSFT", 3.0)))


async def test_a_store_that_restarts_empty_takes_no_alert_away_and_brings_the_next(
    private_store: ValkeyServer, settings: Settings
) -> None:
    layer = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [private_store.url], "prefix": "site"},
    }
    settings.CHANNEL_LAYERS = {"default": layer}
    async with (
        WidgetSite(private_store.url, Keys()) as site,
        site.client(await logged_in("ada")) as client,
    ):
        await client.say(type="subscribe", feeds=[HIGHS])
        await site.market.alert("daily_range_high", "AAPL", price=1.0)
        await client.table(HIGHS, exactly(("AAPL", 1.0)))
        await asyncio.to_thread(private_store.stop)
        await client.frame(lambda frame: frame.get("state") == "cache_away", 15.0)
        await asyncio.to_thread(private_store.start)
        async with site.heartbeats():
            await client.frame(lambda frame: frame.get("state") == "live", 15.0)
        await site.market.alert("daily_range_high", "AAPL", price=2.0)
        await client.table(HIGHS, exactly(("AAPL", 1.0), ("AAPL", 2.0)))


async def test_the_trades_of_a_symbol_are_what_is_on_its_tape(site: WidgetSite) -> None:
    await site.market.trades("AAPL", (DAY_MS, 10.0))
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=["trades:AAPL", "trades:QUIET"])
        await client.table("trades:AAPL", exactly(("AAPL", 10.0)))
        await site.market.trades("AAPL", (DAY_MS + 5, 10.5), (DAY_MS + 6, 10.6))
        await client.table("trades:AAPL", exactly(("AAPL", 10.0), ("AAPL", 10.5), ("AAPL", 10.6)))
        assert client.copies["trades:AAPL"].kinds == ["snapshot", "append"]
        assert client.copies["trades:AAPL"].table[-1] == ["AAPL", 10.6, 100.0, DAY_MS + 6, 2]


async def test_halts_are_a_list_of_what_happened_beside_their_board(site: WidgetSite) -> None:
    halted = {"halt_timestamp": float(DAY_MS), "is_halted": 1.0, "close": 4.0}
    began = {"kind": 1.0, "timestamp": float(DAY_MS), "halt_began_timestamp": float(DAY_MS)}
    known = {"halt_reason": 1.0, "event_band_high": 4.4, "last_price": 4.4}
    await site.market.board(HALTS, {"XYZ": halted})
    await site.market.alert("halts", "XYZ", times=2, **began, **known)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HALTS, "halts"])
        assert (await client.of_type("snapshot", HALTS))["rows"] == [["XYZ", DAY_MS, 1, 4.0]]
        first = await client.of_type("snapshot", "halts")
        row = dict(zip(first["columns"], first["rows"][0][1:], strict=True))
        assert row.items() >= (began | known).items()
        assert len(first["rows"]) == 1
        assert (row["event_band_low"], row["close"]) == (None, None)
        site.market.new_owner()
        ended = began | {"kind": 0.0, "timestamp": DAY_MS + 300_000.0}
        await site.market.alert("halts", "XYZ", times=2, **ended)
        alert = await client.of_type("alert", "halts")
        told = [[symbol, *row[:3]] for symbol, *row in alert["rows"]]
        assert told == [["XYZ", 0, DAY_MS + 300_000, DAY_MS]]


async def test_halts_are_a_board_and_a_row_of_their_symbol(site: WidgetSite) -> None:
    halted = {"halt_timestamp": float(DAY_MS), "is_halted": 1.0, "close": 4.0}
    await site.market.board(HALTS, {"XYZ": halted})
    await site.market.row("XYZ", **halted)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[HALTS, "halts:XYZ"])
        board = await client.of_type("snapshot", HALTS)
        assert board["rows"] == [["XYZ", DAY_MS, 1, 4.0]]
        await site.market.row("XYZ", **(halted | {"is_halted": 0.0}))
        await client.table("halts:XYZ", lambda rows: rows == [["XYZ", 0, DAY_MS, 4.0]])
