"""Boards, quotes and the state of the data, as a program reads them."""

import asyncio
import csv
import io

import pytest
from pytest_django import Settings

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from tests.support.api_site import ApiSite, Program, api_site
from tests.support.deadlines import eventually
from tests.support.services import ValkeyServer
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


async def test_a_board_has_its_rows_in_rank_order_with_position_age_and_state(program: Program) -> None:
    answer = await program.get("/boards/top_gainers?columns=pct_change_since_open,close&limit=2")
    board = answer.json
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert (board["feed"], board["state"]) == (TOP_GAINERS, "live")
    assert board["columns"] == ["pct_change_since_open", "close"]
    assert board["rows"] == [
        {"symbol": "AAPL", "pct_change_since_open": 5.0, "close": 10.0},
        {"symbol": "MSFT", "pct_change_since_open": 3.25, "close": 5e-05},
    ]
    assert 0 <= board["age_ms"] < 60_000
    assert board["market_time_ms"] > 0
    for header, member in {
        "MDP-Epoch": "epoch",
        "MDP-Seq": "seq",
        "MDP-Market-Time-Ms": "market_time_ms",
        "MDP-Age-Ms": "age_ms",
        "MDP-State": "state",
    }.items():
        assert answer.headers[header] == str(board[member])


async def test_the_position_is_the_one_that_the_socket_tells(api: ApiSite, program: Program) -> None:
    async with api.site.client(await logged_in("bob")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        frame = await client.of_type("snapshot", TOP_GAINERS)
        board = (await program.get("/boards/top_gainers")).json
    assert board["epoch"] == frame["epoch"]
    assert board["columns"] == frame["columns"]
    assert [[row["symbol"], *list(row.values())[1:]] for row in board["rows"]] == frame["rows"]


async def test_a_board_as_csv_has_the_same_numbers_and_its_position_in_headers(program: Program) -> None:
    answer = await program.get("/boards/top_gainers?columns=pct_change_since_open,close&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["MDP-State"] == "live"
    assert answer.body == (
        b"symbol,pct_change_since_open,close\r\nAAPL,5.0,10.0\r\nMSFT,3.25,0.00005\r\nXYZ,1.0,\r\n"
    )
    assert len(list(csv.reader(io.StringIO(answer.body.decode())))) == 4


async def test_a_quote_is_the_row_of_a_symbol(program: Program) -> None:
    quote = (await program.get("/quotes/AAPL?columns=volume,close")).json
    assert (quote["feed"], quote["state"]) == ("quote:AAPL", "live")
    assert quote["row"] == {"symbol": "AAPL", "close": 10.0, "volume": 5}


async def test_several_quotes_come_in_the_order_asked_for_with_those_missing(
    program: Program,
) -> None:
    answer = await program.get("/quotes?symbols=MSFT,ZZZ,AAPL,MSFT&columns=close")
    assert [quote["row"] for quote in answer.json["quotes"]] == [
        {"symbol": "MSFT", "close": 20.5},
        {"symbol": "AAPL", "close": 10.0},
    ]
    assert answer.json["missing"] == ["ZZZ"]
    assert all(quote["epoch"] and quote["seq"] for quote in answer.json["quotes"])


async def test_a_symbol_without_a_row_is_not_an_empty_row(program: Program) -> None:
    answer = await program.get("/quotes/ZZZ")
    assert (answer.status, answer.json["code"]) == (404, "no_row")


async def test_an_answer_that_the_client_has_is_not_sent_again(api: ApiSite, program: Program) -> None:
    for path in ("/columns", "/boards", "/alerts/daily_range_hod_alert", "/openapi.json"):
        first = await program.get(path)
        again = await program.get(path, If_None_Match=first.headers["ETag"])
        assert (again.status, again.body) == (304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
    assert (await program.get("/alerts/daily_range_hod_alert")).headers["MDP-State"] == "live"
    await api.site.market.alert("daily_range_high", "MSFT", price=99.0, level=9.0)

    async def has_the_new_alert() -> bool:
        answer = await program.get(
            "/alerts/daily_range_hod_alert?limit=1", If_None_Match=first.headers["ETag"]
        )
        return bool(answer.json["rows"][0]["symbol"] == "MSFT")

    await eventually(has_the_new_alert, 5.0)


async def test_304_tells_the_present_age_and_state(program: Program) -> None:
    first = await program.get("/alerts/daily_range_hod_alert")
    again = await program.get("/alerts/daily_range_hod_alert", If_None_Match=first.headers["ETag"])
    assert again.status == 304
    assert again.headers["MDP-State"] == "live"
    assert int(again.headers["MDP-Age-Ms"]) >= int(first.headers["MDP-Age-Ms"])


async def test_another_choice_of_columns_has_another_etag(program: Program) -> None:
    one = await program.get("/alerts/daily_range_hod_alert?columns=price")
    other = await program.get(
        "/alerts/daily_range_hod_alert?columns=level", If_None_Match=one.headers["ETag"]
    )
    assert other.status == 200
    assert other.headers["ETag"] != one.headers["ETag"]


async def test_a_quote_that_is_asked_for_again_reads_no_store(
    api: ApiSite, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SnapshotReader.rows
    reads: list[int] = []

    async def counted(reader: SnapshotReader, shard: int) -> RowBlock | None:
        block = await read(reader, shard)
        reads.append(shard)
        return block

    monkeypatch.setattr(SnapshotReader, "rows", counted)
    assert (await program.get("/quotes/AAPL")).status == 200
    # An announcement may have answered before the stored rows were read.
    await eventually(lambda: reads, 5.0)
    before = len(reads)
    await api.site.market.row("AAPL", close=11.0, volume=6)

    async def has_the_new_price() -> bool:
        return bool((await program.get("/quotes/AAPL?columns=close")).json["row"]["close"] == 11.0)

    await eventually(has_the_new_price, 5.0)
    assert len(reads) == before


async def test_many_who_ask_at_once_are_all_answered(program: Program) -> None:
    answers = await asyncio.gather(*(program.get("/quotes/AAPL?columns=close") for _ in range(40)))
    assert {answer.status for answer in answers} == {200}


async def test_old_data_is_marked_and_what_cannot_be_read_is_503(
    settings: Settings, private_store: ValkeyServer, keys: Keys, redis_url: str
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    async with WidgetSite(private_store.url, keys) as site, api_site(site) as api:
        program = await api.program()
        assert (await program.get("/boards/top_gainers")).json["state"] == "live"
        private_store.close()

        async def is_marked() -> bool:
            return bool((await program.get("/boards/top_gainers")).json["state"] == "cache_away")

        await eventually(is_marked, 20.0)
        board = await program.get("/boards/top_gainers")
        assert board.headers["MDP-State"] == "cache_away"
        assert board.json["age_ms"] > 0
        assert (await program.get("/status")).json["state"] == "cache_away"
        for path in ("/quotes/IBM", "/trades/AAPL"):
            answer = await program.get(path)
            assert (answer.status, answer.json["code"]) == (503, "unavailable"), path
            assert answer.headers["Retry-After"] == "2"


async def test_status_is_what_the_socket_tells(program: Program) -> None:
    status = (await program.get("/status")).json
    assert (status["state"], status["detail"]) == ("live", "The data is fresh.")
    assert set(status) == {"state", "age_ms", "detail", "opens_ms", "feed_delay_ms", "lost_events"}


async def test_definitions_come_from_the_schema(program: Program) -> None:
    close = (await program.get("/columns/close")).json
    assert (close["unit"], close["label"]) == ("dollars", "Price")
    assert close in (await program.get("/columns")).json["columns"]
    boards = (await program.get("/boards")).json["boards"]
    assert [board["name"] for board in boards][:2] == ["top_gainers", "top_losers"]
    feeds = {feed["name"]: feed for feed in (await program.get("/feeds")).json["feeds"]}
    assert feeds["quote:*"]["most_columns"] == 10
    assert feeds["trades:{symbol}"]["permitted"] is True
