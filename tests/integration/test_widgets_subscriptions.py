"""Choices, all rows, resume and the welcome, through a real server and a real store."""

import pytest

from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from mdp_site.accounts import roles
from mdp_site.accounts.roles import Role
from tests.support.widget_site import MOST_CONNECTIONS, Rows, WidgetClient, WidgetSite, logged_in
from widgets.protocol import CloseCode

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_welcome_lists_what_this_user_may_see_and_all_limits(
    site: WidgetSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes_only = Role("users", rights=roles.USERS.rights, feeds=frozenset({"quotes"}))
    monkeypatch.setattr(roles, "USERS", quotes_only)
    async with site.connect(await logged_in("ada")) as connection:
        welcome = await WidgetClient(connection).of_type("welcome")
    assert set(welcome["feeds"]) == {
        "quote:{symbol}",
        "daily_range:{symbol}",
        "halts:{symbol}",
        "quote:*",
    }
    assert welcome["server"].count(".") == 2
    assert welcome["limits"]["feeds_per_connection"] == 500
    assert welcome["reconnect"]["restart_ms"] == [500, 20_000]


async def test_a_feed_comes_with_the_chosen_columns_and_another_choice_replaces_it(site: WidgetSite) -> None:
    await site.market.row("AAPL", close=1.0, volume=7)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[{"feed": "quote:AAPL", "columns": ["volume"], "hz": 2}])
        await client.table("quote:AAPL", lambda rows: rows == [["AAPL", 7]])
        assert client.copies["quote:AAPL"].hz == 2
        await client.say(type="subscribe", feeds=[{"feed": "quote:AAPL", "columns": ["colour"]}])
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("bad_choice", "quote:AAPL")
        await site.market.row("AAPL", close=1.0, volume=8)
        await client.table("quote:AAPL", lambda rows: rows == [["AAPL", 8]])
        await client.say(type="subscribe", feeds=["quote:AAPL"])
        await client.table("quote:AAPL", lambda rows: rows == [["AAPL", 1.0, 8]])
        await client.say(type="unsubscribe", feeds=["quote:AAPL"])
        await client.of_type("unsubscribed", "quote:AAPL")


async def test_a_connection_has_a_bounded_number_of_choices(site: WidgetSite) -> None:
    columns = ["close", "volume", "change", "day_high", "day_low", "pct_change", "avg_volume", "is_halted"]
    async with site.client(await logged_in("ada")) as client:
        for index, column in enumerate(columns):
            await client.say(type="subscribe", feeds=[{"feed": f"quote:S{index}", "columns": [column]}])
        await client.say(
            type="subscribe", feeds=[{"feed": "quote:S9", "hz": 1}, {"feed": "quote:S0", "hz": 1}]
        )
        error = await client.of_type("error")
        assert (error["code"], error["feed"]) == ("too_many_choices", "quote:S9")
        await client.say(type="ping", id=1)
        answer = await client.frame(lambda frame: frame["type"] in ("error", "pong"))
        assert answer["type"] == "pong", "a choice that takes the place of another is no further one"


async def test_the_rows_of_all_symbols_come_with_the_chosen_columns(site: WidgetSite) -> None:
    async with site.heartbeats(), site.client(await logged_in("ada")) as client:
        await site.market.row("AAPL", close=1.0, volume=7)
        await site.market.row("MSFT", close=2.0, volume=8)
        await client.say(type="subscribe", feeds=["quote:*"])
        assert (await client.of_type("error"))["code"] == "bad_choice"
        await client.say(type="subscribe", feeds=[{"feed": "quote:*", "columns": ["close"]}])
        await client.table("quote:*", lambda rows: sorted(rows) == [["AAPL", 1.0], ["MSFT", 2.0]])
        await site.market.row("AAPL", close=3.0, volume=7)
        await client.table("quote:*", lambda rows: ["AAPL", 3.0] in rows)
        assert client.copies["quote:*"].hz == 1


async def test_a_client_finds_its_place_again_on_another_process(
    site: WidgetSite, redis_url: str, keys: Keys
) -> None:
    """The positions of boards are those of the data: any process that had the same ticks can go on."""
    session = await logged_in("ada")
    await site.market.board(TOP_GAINERS, board_with(1.0))
    async with WidgetSite(redis_url, keys) as other, other.client(session) as stays:
        await stays.say(type="subscribe", feeds=[TOP_GAINERS])
        await stays.table(TOP_GAINERS, lambda rows: rows[0] == ["AAPL", 1.0])
        async with site.client(session) as client:
            await client.say(type="subscribe", feeds=[TOP_GAINERS])
            copy = await client.table(TOP_GAINERS, lambda rows: rows[0] == ["AAPL", 1.0])
        await site.market.board(TOP_GAINERS, board_with(2.0))
        await stays.table(TOP_GAINERS, lambda rows: rows[0] == ["AAPL", 2.0])
        async with other.client(session) as client:
            client.copies[TOP_GAINERS] = copy
            await client.say(type="subscribe", feeds=[{"feed": TOP_GAINERS, **copy.position}])
            await client.of_type("resumed", TOP_GAINERS)
            assert copy.kinds == ["snapshot", "delta", "resumed"]
            assert copy.table == stays.copies[TOP_GAINERS].table


def board_with(close: float) -> Rows:
    """A board on which one value is little beside a snapshot."""
    return {"AAPL": {"close": close}} | {f"S{index}": {"close": 1.0} for index in range(20)}


async def test_the_reason_of_a_close_begins_with_its_action(site: WidgetSite) -> None:
    session = await logged_in("ada")
    connections = [await site.connect(session) for _ in range(MOST_CONNECTIONS)]
    async with site.connect(session) as one_too_many:
        await one_too_many.wait_closed()
        assert one_too_many.close_reason == CloseCode.TOO_MANY_CONNECTIONS.reason_of("connections_per_user")
    for connection in connections:
        await connection.close()
