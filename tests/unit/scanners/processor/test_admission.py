"""A shard has rows for what reference data knows, and for a bounded number of other symbols, for a day."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pytest

from marketdata.codec import SymbolColumn
from marketdata.payloads import RowBlock
from marketdata.reference.waiting import EVENTS
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import decode_tape
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.processor.symbol_rows import (
    MARKET_ROWS,
    MAX_REFUSED_STORED,
    NEWCOMER_ROWS,
    UNKNOWN_SYMBOL,
    Admission,
    ReferenceInUse,
    rows_for_unknown,
)
from scanners.registry import routes
from scanners.scanner.market import MarketScanner, Merge
from scanners.table import MarketTable
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
    trade_wire,
    whole_of,
)

MONDAY, TUESDAY = "2026-11-23", "2026-11-24"
CALENDAR = calendar_of(MONDAY, TUESDAY, "2026-11-25")
INVENTED: Final = tuple(f"X{number}" for number in range(40_000))
MARKET: Final = tuple(f"M{number}" for number in range(13_000))


class ShardRig:
    """A shard processor that is fed bars of many symbols, and whoever follows its ticks."""

    def __init__(self, epoch: int = 1) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)
        self.scanner = MarketScanner(epoch=1)

    def bars(
        self, symbols: Iterable[str], date: str = MONDAY, at: str = "10:00:00", **fields: object
    ) -> Counter[str]:
        start_ms = new_york_ms(date, at)
        events = [aggregate_wire(symbol, start_ms=start_ms) | fields for symbol in symbols]
        return self.core.apply([batch(QueueName.AGGREGATE, events)]).ignored

    def know(self, symbols: Iterable[str]) -> None:
        self.core.apply_reference(row_block({symbol: {"prev_day_close": 5.0} for symbol in symbols}))

    def tick(self) -> ShardTick:
        tick = self.core.tick(published_ns=1)
        self.core.confirm(tick)
        if self.scanner.apply_changed(0, tick.changed) is Merge.GAP:
            self.scanner.apply_whole(0, whole_of(tick))
        return tick


@pytest.fixture
def shard() -> ShardRig:
    return ShardRig()


def test_a_whole_market_has_rows_before_reference_data_is_there(shard: ShardRig) -> None:
    assert shard.bars(MARKET) == {}
    assert shard.core.row_count == len(MARKET)


@pytest.mark.parametrize("known", [0, 3_000, len(MARKET)], ids=["no reference", "a part of it", "all of it"])
def test_invented_symbols_have_a_bounded_number_of_rows_and_the_market_all_of_its_own(
    shard: ShardRig, known: int
) -> None:
    if known:
        shard.know(MARKET[:known])
    room = rows_for_unknown(frozenset(MARKET[:known]))

    ignored = shard.bars(INVENTED)
    assert shard.core.row_count == room <= MARKET_ROWS
    assert ignored == {UNKNOWN_SYMBOL: len(INVENTED) - room}
    assert shard.bars(MARKET[:known]) == {}, "what is known always has a row"
    assert shard.core.row_count == room + known


def test_what_reference_data_does_not_know_of_the_market_still_fits(shard: ShardRig) -> None:
    shard.know(MARKET[:3_000])
    assert shard.bars(MARKET) == {}
    assert rows_for_unknown(frozenset(MARKET)) >= NEWCOMER_ROWS


def test_a_refused_symbol_takes_nothing_from_the_others_of_its_group(shard: ShardRig) -> None:
    shard.know(["AAPL"])
    shard.bars(INVENTED[:MARKET_ROWS])

    ignored = shard.bars(["NEW", "AAPL", INVENTED[0], "NEW"], at="10:00:01", c=12.5)

    assert ignored == {UNKNOWN_SYMBOL: 2}
    rows = block_rows(whole_of(shard.tick()))
    assert (rows["AAPL"]["close"], rows[INVENTED[0]]["close"]) == (12.5, 12.5)
    assert "NEW" not in rows


def test_who_was_refused_is_told_with_the_most_events_first(shard: ShardRig) -> None:
    assert shard.tick().refused is None
    shard.bars(INVENTED[:MARKET_ROWS])
    assert shard.tick().refused is None
    shard.bars(["IPO", "IPO", *INVENTED[MARKET_ROWS:], "IPO"])

    told = shard.tick().refused

    assert told is not None
    assert told.symbols[0] == "IPO"
    assert told.columns[EVENTS][0] == 3
    assert len(told) == MAX_REFUSED_STORED
    assert shard.tick().refused is None, "it is as it was"
    shard.core.checkpoint.store_anew()
    again = shard.tick().refused
    assert again is not None
    assert again.symbols == told.symbols


def test_a_busy_newcomer_is_not_crowded_out_of_the_count_by_any_number_of_others() -> None:
    admission, table, reference = Admission(), MarketTable(("close",)), ReferenceInUse()
    table.rows(INVENTED[:MARKET_ROWS])
    for first in range(MARKET_ROWS, len(INVENTED), 3_000):
        batch = SymbolColumn.from_symbols([*INVENTED[first : first + 3_000], "IPO", "IPO"])
        admission.rows(table, batch, reference, None)
    refused = admission.refused()
    assert refused is not None
    assert next(iter(refused.items())) == ("IPO", 2 * 8)


def test_a_newcomer_that_becomes_known_gets_its_row_and_keeps_it_over_the_night(shard: ShardRig) -> None:
    shard.know(["AAPL"])
    shard.bars(INVENTED[:MARKET_ROWS])
    assert shard.bars(["IPO"]) == {UNKNOWN_SYMBOL: 1}

    shard.know(["AAPL", "IPO"])
    assert shard.bars(["IPO"], at="10:05:00", c=10.0) == {}
    assert block_rows(whole_of(shard.tick()))["IPO"]["pct_change"] == 100.0

    shard.bars(["AAPL"], TUESDAY, "04:00:00")
    rows = block_rows(whole_of(shard.tick()))
    assert set(rows) == {"AAPL", "IPO"}
    assert rows["IPO"]["prev_day_close"] == 5.0


def test_rows_that_reference_data_does_not_know_leave_with_the_day(shard: ShardRig) -> None:
    shard.know(["AAPL", "GONE", "MSFT"])
    trades = [trade_wire(symbol, timestamp_ms=new_york_ms(MONDAY, "10:00:00")) for symbol in ("X1", "MSFT")]
    shard.bars(["X0", "AAPL", "X1", "GONE", "MSFT"])
    shard.core.apply([batch(QueueName.TRADES, trades)])
    shard.know(["AAPL", "MSFT"])
    assert set(whole_of(shard.tick()).symbols) == {"X0", "AAPL", "X1", "GONE", "MSFT"}, "not within the day"

    ignored = shard.bars(["X1", "MSFT"], TUESDAY, "04:00:00", av=7, h=30.0)
    trade = trade_wire("MSFT", timestamp_ms=new_york_ms(TUESDAY, "04:00:01"), s=3)
    shard.core.apply([batch(QueueName.TRADES, [trade])])
    tick = shard.tick()

    assert ignored == {}
    assert whole_of(tick).symbols == ("AAPL", "X1", "MSFT")
    assert tick.changed is whole_of(tick)
    assert {name: block.symbols for name, block in tick.private_columns.items()} == dict.fromkeys(
        shard.core.checkpoint.private_groups, whole_of(tick).symbols
    )
    rows = block_rows(whole_of(tick))
    assert (rows["X1"]["accumulated_volume"], rows["MSFT"]["accumulated_volume"]) == (7, 7)
    assert (rows["MSFT"]["trade_volume"], rows["AAPL"]["prev_day_close"]) == (3, 5.0)
    assert shard.scanner.row_count == 3, "the scanner's table of the market has forgotten them, too"
    assert tick.tapes is not None
    (written,) = tick.tapes.writes.parts
    assert len(decode_tape(written).ring) == 1

    shard.bars(["MSFT"], TUESDAY, "04:00:02", av=9, h=31.0)
    shard.core.apply([batch(QueueName.TRADES, [{**trade, "q": 2}])])
    later = shard.tick()
    row = block_rows(later.changed)["MSFT"]
    assert (row["accumulated_volume"], row["day_high"], row["new_high_count"]) == (9, 31.0, 1)
    assert row["trade_volume"] == 6
    assert later.changed.symbols == ("MSFT",)
    assert shard.scanner.row_count == 3


def test_readers_learn_of_rows_that_left_from_a_number_that_was_left_out(shard: ShardRig) -> None:
    shard.bars(["AAPL", "X0"])
    first = shard.tick().changed.tick
    shard.bars(["AAPL"], TUESDAY, "04:00:00")
    removing = shard.tick()
    assert removing.changed.tick == first + 2
    assert whole_of(removing).symbols == ("AAPL",), "a row log cannot say that a row left"
    shard.bars(["AAPL"], TUESDAY, "04:00:01")
    assert shard.tick().changed.tick == first + 3


def test_what_happened_to_a_symbol_is_told_though_its_row_has_left(shard: ShardRig) -> None:
    shard.bars(["X0"], h=10.0)
    shard.bars(["X0"], at="10:00:01", h=11.0)
    shard.bars(["AAPL"], TUESDAY, "04:00:00")

    tick = shard.tick()

    assert whole_of(tick).symbols == ("AAPL",)
    (told,) = tick.streams["daily_range_high"]
    assert told.symbols == ("X0",)
    assert told.columns["price"].tolist() == [11.0]
    assert told.tick == whole_of(tick).tick


def test_the_next_day_has_room_again_and_forgets_who_was_refused(shard: ShardRig) -> None:
    shard.bars(INVENTED[: MARKET_ROWS + 5])
    shard.tick()
    shard.bars([INVENTED[0]], TUESDAY, "04:00:00")
    tick = shard.tick()
    assert whole_of(tick).symbols == (INVENTED[0],)
    assert tick.refused is not None
    assert len(tick.refused) == 0
    assert shard.bars(["IPO"], TUESDAY, "04:00:01") == {}


def flooded() -> RowBlock:
    """The rows of a shard of an earlier version, which had no bound: the last symbols traded most."""
    whole = whole_of(ShardRig().core.tick(published_ns=1))
    columns = {name: np.full(len(INVENTED), np.nan) for name in whole.columns}
    columns["accumulated_volume"] = np.arange(len(INVENTED), dtype=np.float64)
    columns["accumulated_volume"][-1] = np.nan
    return RowBlock(
        producer="shard:0",
        epoch=1,
        tick=1,
        published_ns=1,
        received_ns=1,
        market_time_ms=new_york_ms(MONDAY, "10:00:00"),
        symbols=INVENTED,
        columns=columns,
    )


@pytest.mark.parametrize("symbols", [(), ("X3", "X7"), MARKET], ids=["no reference", "a part", "all"])
def test_a_restored_shard_obeys_the_same_bound(symbols: Sequence[str]) -> None:
    shard, known = ShardRig(epoch=2), frozenset(symbols)
    room = rows_for_unknown(known)
    names = shard.core.checkpoint.private_groups
    private = row_block({symbol: {} for symbol in INVENTED}, names=["told_00"])
    shard.core.restore(Checkpoint(flooded(), {names[0]: private}), known)
    if known:
        shard.know(known)

    kept = [symbol for symbol in INVENTED if symbol in known]
    most_traded = [symbol for symbol in INVENTED[-room - 1 : -1] if symbol not in kept]
    assert shard.core.symbols == [*kept, *most_traded]
    assert shard.bars(["IPO"]) == {UNKNOWN_SYMBOL: 1}
