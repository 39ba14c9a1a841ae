"""The leaderboards in memory rank what the frames say, over any number of shards."""

import json
from collections.abc import Mapping, Sequence

import pytest

from marketdata.feeds import Frame
from marketdata.payloads import RowBlock
from marketdata.schema.boards import ALL_BOARDS, TOP_GAINERS, TOP_GAPPERS, TOP_LOSERS, TOP_VOLUME
from scanners.top_stocks import TopStocks
from tests.support.builders import aggregate_wire, block_rows, calendar_of, new_york_ms, quote_wire, row_block

DAY = "2026-11-23"
SYMBOLS = tuple(f"S{number:02}" for number in range(40))


def top_stocks(shards: int = 1) -> TopStocks:
    return TopStocks(calendar=calendar_of(DAY, "2026-11-24"), shards=shards)


RECEIVED_NS = new_york_ms(DAY, "16:00") * 1_000_000


def frame(events: Sequence[Mapping[str, object]], received_ns: int = RECEIVED_NS) -> Frame:
    return Frame(json.dumps(events), received_ns)


def bars(second: int) -> Frame:
    """One bar of every symbol: some rise, some fall, each by its own rate."""
    start_ms = new_york_ms(DAY, "10:00:00") + second * 1_000
    return frame(
        [
            aggregate_wire(
                symbol, start_ms=start_ms, o=100.0, c=100.0 + (number - 20) * second, av=number * 100
            )
            for number, symbol in enumerate(SYMBOLS)
        ]
    )


@pytest.mark.parametrize("shards", [1, 3])
def test_boards_rank_the_whole_market_whatever_the_shards(shards: int) -> None:
    top = top_stocks(shards)
    top.use_reference(row_block({"S07": {"prev_day_close": 50.0}}))

    outcome = top.receive([bars(0), bars(1)])
    boards = top.boards(published_ns=9)

    assert outcome.applied == {"aggregate": 2 * len(SYMBOLS)}
    assert set(boards) == set(ALL_BOARDS)
    assert boards[TOP_GAINERS].block.symbols[:3] == ("S39", "S38", "S37")
    assert boards[TOP_LOSERS].block.symbols[:2] == ("S00", "S01")
    assert boards[TOP_GAPPERS].block.symbols == ("S07",)
    assert boards[TOP_GAPPERS].scores == {"S07": pytest.approx(74.0)}
    assert "S00" not in boards[TOP_VOLUME].block.symbols, "it has not traded"
    assert (boards[TOP_VOLUME].block.published_ns, boards[TOP_VOLUME].block.received_ns) == (9, RECEIVED_NS)


def test_boards_follow_the_market() -> None:
    top = top_stocks(shards=2)
    top.receive([bars(0), bars(1)])
    before = top.boards()[TOP_GAINERS].block
    top.receive([frame([aggregate_wire("S00", start_ms=new_york_ms(DAY, "10:00:05"), c=900.0)])])
    after: RowBlock = top.boards()[TOP_GAINERS].block

    assert before.symbols[0] == "S39"
    assert after.symbols[0] == "S00"
    assert block_rows(after)["S00"]["close"] == 900.0
    assert after.tick == before.tick + 1


def test_what_is_not_understood_is_counted_and_the_rest_goes_on() -> None:
    top = top_stocks()
    start_ms = new_york_ms(DAY, "10:00")
    outcome = top.receive(
        [
            Frame("no json", 1),
            frame([{"ev": "??", "sym": "A"}, aggregate_wire("A", start_ms=start_ms, v=-1)]),
            frame([quote_wire("A", timestamp_ms=start_ms), aggregate_wire("A", start_ms=start_ms)]),
        ]
    )
    assert outcome.applied == {"aggregate": 1, "quotes": 1}
    assert sum(outcome.rejected.values()) == 3
    assert top.boards()[TOP_VOLUME].block.symbols == ("A",)


def test_nothing_received_gives_empty_boards() -> None:
    assert all(len(board.block) == 0 for board in top_stocks().boards().values())
