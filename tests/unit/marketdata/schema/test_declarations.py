"""Declarations come together to one schema, and what contradicts another one is refused by name."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from marketdata.schema import (
    BOARDS,
    CIRCUMSTANCES,
    Board,
    ColumnInfo,
    Owner,
    RowView,
    Schema,
    SchemaError,
    Stream,
    SymbolList,
    Unit,
    assemble,
)
from marketdata.schema.boards import ALL_BOARDS, TOP_GAINERS, TOP_VOLUME, at
from marketdata.schema.export import decode_schema, encode_schema
from marketdata.transport.queues import QueueName
from scanners.analysis.contract import Analyzer, Emission, EventGroup, EventTime, MarketPhase
from scanners.processor.shard import ShardProcessor
from scanners.registry import Route, owners, routes, schema, table_columns
from scanners.table import MarketTable
from tests.oracle.boards import BOARDS as ORACLE_BOARDS
from tests.support.builders import aggregate_wire, batch, calendar_of, new_york_ms

LEADERBOARD = "'leaderboard' (scanners.analyzers.leaderboard.analyzer)"
DAILY_RANGE = "'daily_range' (scanners.analyzers.daily_range.analyzer)"
NEWCOMER = "'newcomer' (its.own.module)"


def column(name: str, **fields: Any) -> ColumnInfo:
    texts = {"label": name, "unit": Unit.RATIO, "description": "a number", "definition": "any number"}
    return ColumnInfo(name, **{**texts, **fields})


def declared(
    *columns: ColumnInfo,
    streams: tuple[Stream, ...] = (),
    views: tuple[RowView, ...] = (),
    lists: tuple[SymbolList, ...] = (),
) -> Schema:
    """What the platform declares, and one owner more."""
    newcomer = Owner("newcomer", columns, streams, views, lists, module="its.own.module")
    return assemble((*owners(routes()), newcomer))


def stream(name: str, *columns: ColumnInfo, feed: str = "") -> Stream:
    return Stream(name=name, label=name, description="it happened", columns=columns, feed=feed)


def test_a_column_stands_on_the_boards_that_it_names_at_its_place() -> None:
    new = declared(column("freshness", boards={**at(15, TOP_VOLUME), **at(999, TOP_GAINERS)}))
    for board in BOARDS:
        before = schema(routes()).board_columns(board)
        expected = list(before)
        if board.name == TOP_VOLUME:
            expected.insert(before.index("close") + 1, "freshness")
        elif board.name == TOP_GAINERS:
            expected.append("freshness")
        assert new.board_columns(board) == tuple(expected)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_column_that_ranks_a_board_stands_first_on_it_and_is_the_one_of_the_oracle(board: Board) -> None:
    columns = schema(routes()).board_columns(board)
    assert columns[0] == board.ranked_by == ORACLE_BOARDS[board.name].column
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            [column("close")],
            f"twice, by {LEADERBOARD} as its column 1 and by {NEWCOMER} as its column 1: a column has",
        ),
        (
            [column("a"), column("b"), column("a")],
            f"column 'a' is declared twice, by {NEWCOMER} as its column 1 and by {NEWCOMER} as its column 3",
        ),
        (
            [column("a", boards={"scanners:nope": 1})],
            f"is on board 'scanners:nope'; there are {TOP_GAINERS}",
        ),
        ([column("a", boards=at(10, TOP_VOLUME))], "columns 'close' and 'a' have both place 10 on board"),
        (
            [column("a", boards=at(11, TOP_VOLUME), shown=False)],
            "'a' of 'newcomer' (its.own.module) is on a board",
        ),
        ([column("a", label="")], "'a' of 'newcomer' (its.own.module) has no label"),
        ([column("a", description="")], "'a' of 'newcomer' (its.own.module) has no description"),
        ([column("a", definition="")], "'a' of 'newcomer' (its.own.module) has no definition"),
        ([column("a", unit=Unit.CODE)], "codes belong to Unit.CODE, which needs them"),
        ([column("a", codes={1: "yes"})], "its unit is ratio"),
    ],
)
def test_a_wrong_column_is_refused_with_its_name_its_owner_and_what_is_expected(
    columns: list[ColumnInfo], said: str
) -> None:
    with pytest.raises(SchemaError) as refused:
        declared(*columns)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (
            [stream("halts")],
            "stream 'halts' of 'halts' (scanners.analyzers.halts.analyzer) is declared twice",
        ),
        ([stream("a"), stream("a")], "stream 'a' of 'newcomer' (its.own.module) is declared twice"),
        (
            [stream("a", feed="daily_range_hod_alert")],
            f"is claimed by stream 'daily_range_high' of {DAILY_RANGE} and by stream 'a' of {NEWCOMER}",
        ),
        (
            [stream("a", column("close"))],
            f"stream 'a' of {NEWCOMER} declares column 'close' differently than {LEADERBOARD}: use the",
        ),
        (
            [stream("a", column("b", label=""))],
            "'b' of stream 'a' of 'newcomer' (its.own.module) has no label",
        ),
    ],
)
def test_a_wrong_stream_is_refused_with_its_name_and_its_owner(streams: list[Stream], said: str) -> None:
    with pytest.raises(SchemaError) as refused:
        declared(streams=tuple(streams))
    assert said in str(refused.value)


def view(feed: str, *columns: str) -> RowView:
    return RowView(feed=feed, label="Mine", description="Some columns", columns=columns)


def symbol_list(feed: str, *columns: ColumnInfo) -> SymbolList:
    return SymbolList(feed=feed, label="Mine", description="Several", columns=columns)


def test_views_and_lists_of_a_symbol_are_feeds_with_the_columns_that_they_declare() -> None:
    new = declared(
        column("a"),
        views=(view("mine:{symbol}", "a", "close"),),
        lists=(symbol_list("bars:{symbol}", column("b")),),
    )
    assert new.views[-1].columns == ("a", "close")
    assert "a" in new.views[0].columns, "the quote has every column"
    assert new.symbol_list("bars:{symbol}").columns == (column("b"),)
    assert {"mine:{symbol}", "bars:{symbol}"} <= set(new.feeds)
    assert ("a" in new.shown, "b" in new.shown, "session_open_price" in new.shown) == (True, True, False)
    assert decode_schema(encode_schema(new)) == new
    with pytest.raises(SchemaError, match=r"no list has the feed 'news:\{symbol\}'; there are trades:"):
        new.symbol_list("news:{symbol}")


@pytest.mark.parametrize(
    ("views", "lists", "said"),
    [
        ([view("a:{symbol}", "nope")], [], "view 'a:{symbol}' of 'newcomer' (its.own.module) shows 'nope'"),
        ([view("a:{symbol}", "session_open_price")], [], "is no column of the table that is shown"),
        ([view("a:{symbol}", "close", "close")], [], "shows 'close' twice"),
        (
            [view("quote:{symbol}", "close")],
            [],
            "'quote:{symbol}' is claimed by the whole row and by view 'Mine'",
        ),
        (
            [view("a:{symbol}")],
            [symbol_list("a:{symbol}")],
            "and by list 'Mine' of 'newcomer' (its.own.module)",
        ),
        (
            [],
            [symbol_list("halts")],
            "(scanners.analyzers.halts.analyzer) and by list 'Mine' of 'newcomer'",
        ),
        ([], [symbol_list("a:{symbol}", column("price"))], "declares column 'price' differently than stream"),
        (
            [],
            [symbol_list("a:{symbol}", column("b", unit=Unit.CODE))],
            "'b' of list 'a:{symbol}' of 'newcomer'",
        ),
    ],
)
def test_a_wrong_view_or_list_is_refused_with_its_feed_and_its_owner(
    views: list[RowView], lists: list[SymbolList], said: str
) -> None:
    with pytest.raises(SchemaError) as refused:
        declared(views=tuple(views), lists=tuple(lists))
    assert said in str(refused.value)


def test_a_board_that_is_ranked_by_no_column_is_refused_with_the_columns_that_there_are() -> None:
    board = Board(name="mine", label="Mine", description="Mine", ranked_by="nope", tab_group=1)
    with pytest.raises(SchemaError, match=r"board 'mine' is ranked by 'nope'.*there are close, change, "):
        assemble(owners(routes()), (*BOARDS, board))


def test_a_board_that_carries_no_column_of_the_table_is_refused() -> None:
    board = Board(
        name="mine",
        label="Mine",
        description="Mine",
        ranked_by="close",
        tab_group=1,
        carries=("open", "nope"),
    )
    with pytest.raises(SchemaError, match=r"board 'mine' carries 'nope', .*there are close, change, "):
        assemble(owners(routes()), (*BOARDS, board))


def test_two_boards_of_one_name_are_refused() -> None:
    with pytest.raises(SchemaError, match=f"board '{BOARDS[0].name}' is declared twice"):
        assemble(owners(routes()), (*BOARDS, BOARDS[0]))


def test_a_stream_without_the_columns_of_its_circumstances_is_refused() -> None:
    columns = [column(name) for name in CIRCUMSTANCES if name != "free_float"]
    with pytest.raises(SchemaError, match="circumstance 'free_float'"):
        assemble([Owner("alone", tuple(columns), (stream("a"),))], boards=())


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("nowhere", "stream 'a' of 'newcomer' (its.own.module) has the circumstance 'nowhere', which is no"),
        ("close", "stream 'a' of 'newcomer' (its.own.module) has 'close' twice: once is enough"),
        ("b", "stream 'a' of 'newcomer' (its.own.module) has 'b' twice: once is enough"),
    ],
)
def test_circumstances_of_one_streams_own_are_other_columns_of_the_table(own: str, said: str) -> None:
    added = column("b")
    alone = msgspec.structs.replace(stream("a", added), own_circumstances=(own,))
    with pytest.raises(SchemaError) as refused:
        declared(added, streams=(alone,))
    assert said in str(refused.value)


def test_two_owners_of_one_column_are_refused_when_a_processor_makes_its_table() -> None:
    twice = (*routes(), routes()[0])
    with pytest.raises(
        SchemaError, match=r"'close' is declared twice, by 'leaderboard' .* as its column 1 and by"
    ):
        table_columns(twice)


def test_what_is_written_together_lies_side_by_side_in_the_table() -> None:
    columns = table_columns(routes())
    groups = [
        each.written_together for route in routes() for each in route.analyzers if each.written_together
    ]
    assert len(groups) == 4
    for group in groups:
        first = columns.index(group[0])
        assert columns[first : first + len(group)] == group


def test_an_analyzer_that_writes_what_it_does_not_declare_is_refused() -> None:
    class Careless(Analyzer):
        name = "careless"
        columns = (column("a"),)
        written_together = ("a", "close")

        def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
            return ()

    quotes = routes()[2]
    wrong = Route(quotes.queue, quotes.columns, quotes.time, (Careless(),))
    with pytest.raises(SchemaError, match="'careless' writes close together"):
        table_columns([wrong])


def test_a_route_whose_events_have_no_time_is_refused() -> None:
    quotes = routes()[2]
    with pytest.raises(SchemaError, match="their time in 'sent_at'; expected: one of the columns bid_price,"):
        Route(quotes.queue, quotes.columns, EventTime("sent_at"), quotes.analyzers)


def test_the_lines_of_a_stream_hold_the_columns_that_it_declares() -> None:
    start_ms = new_york_ms("2026-11-24", "10:00:00")
    shard = ShardProcessor(0, routes=routes(), calendar=calendar_of("2026-11-24", "2026-11-25"), epoch=1)
    bars = [
        aggregate_wire("A", start_ms=start_ms + 1_000 * second, h=high, l=low)
        for second, (high, low) in enumerate(((10.0, 9.0), (12.0, 7.0)))
    ]
    halt = {"ev": "LULD", "T": "A", "h": 0.0, "l": 0.0, "i": [17], "z": 3, "t": start_ms * 10**6, "q": 1}
    shard.apply([batch(QueueName.AGGREGATE, bars), batch(QueueName.HALTS, [halt])])
    told = shard.tick(published_ns=1).streams
    for each in schema(routes()).streams:
        for block in told[each.name]:
            assert tuple(block.columns) == each.entry_columns, each.name


def test_the_schema_is_read_as_it_was_written() -> None:
    written = declared(column("a", codes={-2: "below"}, unit=Unit.CODE, boards=at(11, TOP_VOLUME)))
    assert decode_schema(encode_schema(written)) == written


@pytest.mark.parametrize("data", [b"", b"{}", b"<<<<<<< ours", b'{"owners": 7}'])
def test_a_spoilt_file_says_how_it_is_written_anew(data: bytes) -> None:
    with pytest.raises(SchemaError, match="make schema"):
        decode_schema(data)


def test_every_title_of_a_board_is_its_own() -> None:
    declared_columns = schema(routes()).columns
    for board in BOARDS:
        titles = [declared_columns[name].short_label for name in schema(routes()).board_columns(board)]
        assert len(set(titles)) == len(titles), board.name
    assert tuple(board.name for board in BOARDS) == ALL_BOARDS
