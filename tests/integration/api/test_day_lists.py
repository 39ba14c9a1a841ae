"""Trades, halts and alerts of the day, newest first and page by page."""

import time
from typing import Any

import aiohttp
import pytest

from marketdata.schema.boards import HALTS
from tests.support.api_site import BASE, HIGHS, ApiSite, Program
from tests.support.deadlines import eventually
from tests.support.widget_site import WidgetSite
from widgets.hub.feeds.stream import ROWS_HELD

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


async def pages(program: Program, path: str) -> list[list[dict[str, Any]]]:
    """The rows of all pages."""
    found = []
    cursor = ""
    while True:
        page = (await program.get(path + cursor)).json
        found.append(page["rows"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def test_trades_come_newest_first_each_once(program: Program) -> None:
    found = await pages(program, "/trades/AAPL?limit=2&columns=trade_price")
    assert [[row["trade_price"] for row in page] for page in found] == [[14.0, 13.0], [12.0, 11.0], [10.0]]


async def test_a_page_is_the_same_when_newer_trades_have_come(api: ApiSite, program: Program) -> None:
    first = (await program.get("/trades/AAPL?limit=2&columns=trade_price")).json
    await api.site.market.trades("AAPL", (1_800_000_000_900, 99.0))

    async def has_the_new_trade() -> bool:
        return bool((await program.get("/trades/AAPL?limit=1")).json["rows"][0]["trade_price"] == 99.0)

    await eventually(has_the_new_trade, 5.0)
    second = (await program.get(f"/trades/AAPL?limit=2&cursor={first['next_cursor']}")).json
    assert [row["trade_price"] for row in second["rows"]] == [12.0, 11.0]


async def test_a_symbol_without_trades_has_an_empty_tape(program: Program) -> None:
    page = (await program.get("/trades/ZZZ")).json
    assert (page["rows"], page["next_cursor"]) == ([], None)


async def test_halts_are_the_symbols_that_were_halted_today(program: Program) -> None:
    found = await pages(program, "/halts?limit=1&columns=halt_timestamp")
    assert found == [
        [{"symbol": "MSFT", "halt_timestamp": 1_000_000_000_005}],
        [{"symbol": "AAPL", "halt_timestamp": 1_000_000_000_000}],
    ]


async def test_symbols_that_were_halted_at_one_time_are_each_on_one_page(
    api: ApiSite, program: Program
) -> None:
    halted = {f"S{number}": {"halt_timestamp": 1e12} for number in range(5)}
    await api.site.market.board(
        HALTS, {"NEW": {"halt_timestamp": 2e12}, **halted, "OLD": {"halt_timestamp": 5e11}}
    )

    async def has_them() -> bool:
        return len((await program.get("/halts")).json["rows"]) == 7

    await eventually(has_them, 5.0)
    found = await pages(program, "/halts?limit=2&columns=halt_timestamp")
    assert [row["symbol"] for page in found for row in page] == ["NEW", *halted, "OLD"]


async def test_alerts_of_the_day_come_newest_first_also_older_than_the_feed_holds(
    api: ApiSite, program: Program
) -> None:
    count = ROWS_HELD + 40
    for number in range(count):
        await api.site.market.alert("daily_range_high", "MSFT", price=100.0 + number, level=1.0)

    async def has_the_newest() -> bool:
        newest = (await program.get(f"/alerts/{HIGHS}?limit=1")).json["rows"][0]
        return bool(newest["price"] == 100.0 + count - 1)

    await eventually(has_the_newest, 5.0)
    found = await pages(program, f"/alerts/{HIGHS}?limit=100&columns=price")
    prices = [row["price"] for page in found for row in page]
    assert prices == [*(100.0 + number for number in reversed(range(count))), 14.0, 13.0, 12.0, 11.0, 10.0]


async def test_alerts_of_one_symbol(api: ApiSite, program: Program) -> None:
    await api.site.market.alert("daily_range_high", "MSFT", price=5.0, level=1.0)

    async def of_msft() -> bool:
        rows = (await program.get(f"/alerts/{HIGHS}?symbol=MSFT&columns=price")).json["rows"]
        return bool(rows == [{"symbol": "MSFT", "price": 5.0}])

    await eventually(of_msft, 5.0)
    found = await pages(program, f"/alerts/{HIGHS}?symbol=AAPL&limit=2&columns=price")
    assert [row["price"] for page in found for row in page] == [14.0, 13.0, 12.0, 11.0, 10.0]


async def test_alerts_of_the_day_before_are_not_of_today(
    api: ApiSite, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_days_ahead_ns = time.time_ns() + 2 * 86_400 * 1_000_000_000
    monkeypatch.setattr("tests.support.widget_site.time.time_ns", lambda: two_days_ahead_ns)
    await api.site.market.alert("daily_range_high", "MSFT", price=5.0, level=1.0)

    async def only_the_new_one() -> bool:
        rows = (await program.get(f"/alerts/{HIGHS}?columns=price")).json["rows"]
        return bool(rows == [{"symbol": "MSFT", "price": 5.0}])

    await eventually(only_the_new_one, 5.0)


async def test_alerts_need_no_board(site: WidgetSite) -> None:
    await site.market.alert("daily_range_high", "AAPL", price=5.0, level=1.0)
    site.hub.start()
    async with aiohttp.ClientSession() as http:
        program = await ApiSite(site, http).program()

        async def has_the_alert() -> bool:
            answer = await program.get(f"/alerts/{HIGHS}?columns=price")
            return answer.status == 200 and bool(answer.json["rows"] == [{"symbol": "AAPL", "price": 5.0}])

        await eventually(has_the_alert, 10.0)
        answer = await program.get(f"/alerts/{HIGHS}")
        assert answer.json["state"] != "live"  # no scanner ranks the boards
        assert (await program.get("/boards/top_gainers")).status == 503


async def test_the_next_page_is_also_in_a_header_because_csv_has_no_members(program: Program) -> None:
    answer = await program.get("/trades/AAPL?limit=2&columns=trade_price&format=csv")
    assert answer.body == b"symbol,trade_price\r\nAAPL,14.0\r\nAAPL,13.0\r\n"
    address = answer.headers["Link"].partition(">")[0].removeprefix("<")
    assert answer.headers["Link"].endswith('; rel="next"')
    following = await program.ask("GET", address)
    assert following.body == b"symbol,trade_price\r\nAAPL,12.0\r\nAAPL,11.0\r\n"
    assert address.startswith(f"{BASE}/trades/AAPL?")


@pytest.mark.parametrize(
    "cursor", ["nonsense", "bnVsbA", "WyJ0cmFkZXM6QUFQTCIsWzFdXQ", "WyJoYWx0cyIsWzEsMiwzLDQsNV1d"]
)
async def test_a_cursor_of_another_list_or_of_nobody_is_refused(program: Program, cursor: str) -> None:
    answer = await program.get(f"/trades/AAPL?cursor={cursor}")
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/query/cursor"]
