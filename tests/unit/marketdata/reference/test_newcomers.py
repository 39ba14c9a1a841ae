"""Symbols that the bulk load did not bring: looked up one by one, and put among the others."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.payloads import RowBlock
from marketdata.reference.cache import ReferenceCache
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Listing, Split, TimedBar
from marketdata.reference.loader import ReferenceLoader
from marketdata.reference.newcomers import Found, NewcomerSearch, merge
from marketdata.reference.tickers import Ticker, TickerType
from tests.support.builders import block_rows, row_block
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.reference.sources import CALENDAR, MONDAY, MONDAY_10_00_MS, FakeSource, bar
from tests.unit.marketdata.reference.test_symbol_cache import MemoryStore

SESSION_DATES = CALENDAR.previous_sessions(MONDAY, 30)


def day_bar(date: dt.date, source: DailyBar) -> TimedBar:
    """The bar of a session as the provider has it for one symbol: it begins at midnight in New York."""
    midnight_ms = CALENDAR.instant_ms(date, dt.time())
    return TimedBar(
        midnight_ms, source.open, source.high, source.low, source.close, source.volume, source.vwap
    )


class FakeSymbols:
    """A provider that knows some symbols; counts requests. `refused` is by what is asked, or by symbol."""

    def __init__(self) -> None:
        self.histories: dict[str, Sequence[TimedBar]] = {}
        self.unadjusted: dict[str, Sequence[TimedBar]] = {}
        self.listed: dict[str, ListedTicker] = {}
        self.floats: dict[str, Float] = {}
        self.all_splits: Sequence[Split] = ()
        self.refused: dict[str, Exception] = {}
        self.requests = 0
        self.left_out: Counter[str] = Counter()

    def leave_out(self, part: str, counts: Mapping[str, int]) -> None:
        self.left_out.update(counts)

    async def day_bars(
        self, symbol: str, first: dt.date, last: dt.date, *, adjusted: bool = True
    ) -> Sequence[TimedBar]:
        self._count("day_bars", symbol)
        if not adjusted:
            assert first == last == SESSION_DATES[-1]
            return self.unadjusted.get(symbol, ())
        assert first == SESSION_DATES[0]
        assert last in SESSION_DATES[-2:]  # the one before where the exchange was closed on the last
        return self.histories.get(symbol, ())

    async def ticker(self, symbol: str) -> ListedTicker | None:
        self._count("ticker", symbol)
        return self.listed.get(symbol)

    async def free_float(self, symbol: str, today: dt.date) -> Float | None:
        self._count("free_float", symbol)
        assert today == MONDAY
        return self.floats.get(symbol)

    async def splits(self, date: dt.date) -> Listing[Split]:
        self._count("splits", "")
        return Listing([split for split in self.all_splits if split.execution_date == date])

    def _count(self, what: str, symbol: str) -> None:
        self.requests += 1
        for refused in (what, symbol):
            if refused in self.refused:
                raise self.refused[refused]


STORED = row_block({"IBM": {"prev_day_close": 1.0}}, producer="reference", market_time_ms=MONDAY_10_00_MS)


async def search(
    source: FakeSymbols,
    *symbols: str,
    store: MemoryStore | None = None,
    max_requests: int = 100,
    closures: Sequence[dt.date] = (),
    published_ns: int = 7,
) -> Found:
    async with ReferenceCache(store or MemoryStore(), poll_seconds=0.001) as cache:
        searching = NewcomerSearch(
            source, cache, CALENDAR, STORED, max_requests=max_requests, closures=closures
        )
        return await searching.look_up(symbols, published_ns=published_ns)


async def test_a_newcomer_gets_the_columns_that_the_bulk_load_would_give_it() -> None:
    history = {date: bar("NEW", close=10.0 + index) for index, date in enumerate(SESSION_DATES[3:])}
    del history[SESSION_DATES[9]]  # a session without a trade
    bulk, singles = FakeSource(), FakeSymbols()
    bulk.bars = {date: [bar("IBM"), *([history[date]] if date in history else [])] for date in SESSION_DATES}
    bulk.all_tickers = [ListedTicker("NEW", "Newcomer", "CS", "XNAS")]
    bulk.all_floats = [Float("NEW", 77.0)]
    singles.histories["NEW"] = [day_bar(date, one) for date, one in history.items()]
    singles.listed["NEW"] = bulk.all_tickers[0]
    singles.floats["NEW"] = bulk.all_floats[0]

    loaded = await ReferenceLoader(bulk, lambda _ns: CALENDAR, clock=ManualClock()).load()
    found = await search(singles, "NEW")

    assert block_rows(found.block)["NEW"] == block_rows(loaded.block)["NEW"]
    assert found.tickers == {"NEW": Ticker("Newcomer", "CS", "XNAS")}
    assert singles.requests == 4  # three facts, and once the splits of the day


@pytest.mark.parametrize("closed", [SESSION_DATES[-1], SESSION_DATES[20]])
async def test_after_an_unscheduled_closure_a_newcomer_agrees_with_the_bulk_load(closed: dt.date) -> None:
    history = {
        date: bar("NEW", close=10.0 + index) for index, date in enumerate(SESSION_DATES) if date != closed
    }
    bulk, singles = FakeSource(), FakeSymbols()
    bulk.bars = {date: [bar("IBM"), history[date]] if date in history else [] for date in SESSION_DATES}
    bulk.closed = {closed}
    singles.histories["NEW"] = [day_bar(date, one) for date, one in history.items()]

    loaded = await ReferenceLoader(bulk, lambda _ns: CALENDAR, clock=ManualClock()).load()
    found = await search(singles, "NEW", closures=loaded.closures)

    assert loaded.closures == (closed,)
    assert block_rows(found.block)["NEW"] == block_rows(loaded.block)["NEW"]


@pytest.mark.parametrize(("split_from", "split_to"), [(1.0, 4.0), (10.0, 1.0)])
@pytest.mark.parametrize("is_adjusted", [True, False])
async def test_a_newcomer_that_splits_today_agrees_with_the_bulk_load(
    split_from: float, split_to: float, *, is_adjusted: bool
) -> None:
    """Listed twice, as it happens; in old shares it closed at 40 dollars."""
    factor = split_to / split_from if is_adjusted else 1.0
    history = {
        date: bar("NEW", close=40 / factor, volume=100 * factor, high=44 / factor, low=36 / factor)
        for date in SESSION_DATES
    }
    history = {date: msgspec.structs.replace(one, open=one.close) for date, one in history.items()}
    raw = msgspec.structs.replace(bar("NEW", close=40.0, high=44.0, low=36.0), open=40.0)
    bulk, singles = FakeSource(), FakeSymbols()
    bulk.all_splits = singles.all_splits = [Split("NEW", MONDAY, split_from, split_to)] * 2
    bulk.bars = {date: [bar("IBM"), history[date]] for date in SESSION_DATES}
    bulk.unadjusted = [raw]
    bulk.all_floats = [Float("NEW", 6_000.0, SESSION_DATES[0])]
    singles.floats["NEW"] = bulk.all_floats[0]
    singles.histories["NEW"] = [day_bar(date, one) for date, one in history.items()]
    singles.unadjusted["NEW"] = [day_bar(SESSION_DATES[-1], raw)]

    loaded = await ReferenceLoader(bulk, lambda _ns: CALENDAR, clock=ManualClock()).load()
    found = await search(singles, "NEW")

    row = block_rows(found.block)["NEW"]
    assert row["prev_day_close"] == pytest.approx(40 * split_from / split_to)
    assert row["free_float"] == pytest.approx(6_000 * split_to / split_from)
    assert row == pytest.approx(block_rows(loaded.block)["NEW"], nan_ok=True)


async def test_a_bar_that_is_listed_twice_counts_once_by_the_one_that_traded() -> None:
    source = FakeSymbols()
    traded = bar("NEW", close=10.0, volume=300.0)
    idle = bar("NEW", close=1.0, volume=0.0)
    source.histories["NEW"] = [day_bar(SESSION_DATES[-1], one) for one in (traded, idle)]

    row = block_rows((await search(source, "NEW")).block)["NEW"]

    assert (row["prev_day_close"], row["prev_day_volume"]) == (10.0, 300.0)
    assert source.left_out == {"repeated": 1}


async def test_without_the_splits_of_the_day_a_newcomer_has_only_a_float_of_the_day() -> None:
    source = FakeSymbols()
    source.floats = {
        "OLD": Float("OLD", 5.0, MONDAY - dt.timedelta(days=9)),
        "NEW": Float("NEW", 7.0, MONDAY),
    }
    source.listed = {name: ListedTicker(name, None, "CS") for name in source.floats}
    source.refused["splits"] = ProviderUnavailable("503")

    rows = block_rows((await search(source, "OLD", "NEW")).block)

    assert (rows["OLD"]["free_float"], rows["NEW"]["free_float"]) == (None, 7.0)


async def test_a_newcomer_whose_split_is_listed_both_ways_round_is_counted_and_has_no_bars() -> None:
    source = FakeSymbols()
    source.histories["NEW"] = [day_bar(SESSION_DATES[-1], bar("NEW"))]
    source.unadjusted["NEW"] = source.histories["NEW"]
    source.all_splits = [Split("NEW", MONDAY, 1, 4), Split("NEW", MONDAY, 4, 1)]
    source.listed["NEW"] = ListedTicker("NEW", None, "CS")

    row = block_rows((await search(source, "NEW")).block)["NEW"]

    assert (row["prev_day_close"], row["split_ratio"]) == (None, None)
    assert source.left_out == {"contradictory": 1}


async def test_an_answer_that_is_not_understood_costs_its_symbol_alone_and_is_asked_for_again() -> None:
    source, store = FakeSymbols(), MemoryStore()
    source.listed = {name: ListedTicker(name, None, "ETF") for name in ("A", "B", "C")}
    source.refused["B"] = ContentError("day_bars", "HTML")

    first = await search(source, "A", "B", "C", store=store)
    del source.refused["B"]
    second = await search(source, "B", store=store)

    assert (first.block.symbols, first.failed, first.unknown) == (("A", "C"), 1, 0)
    assert second.block.symbols == ("B",)


async def test_a_refused_symbol_is_an_unknown_one_for_ten_minutes() -> None:
    source, store = FakeSymbols(), MemoryStore()
    source.listed["A"] = ListedTicker("A", None, "ETF")
    source.refused["B/"] = ProviderRefused("bad_request", "ticker is wrong")

    found = await search(source, "A", "B/", store=store)
    asked = source.requests
    await search(source, "B/", store=store)

    assert (found.block.symbols, found.unknown) == (("A",), 1)
    assert source.requests == asked


async def test_what_was_found_before_the_provider_went_away_is_kept() -> None:
    source = FakeSymbols()
    source.listed["A"] = ListedTicker("A", None, "ETF")
    source.refused["B"] = ProviderUnavailable("away")

    found = await search(source, "A", "B", "C")

    assert (found.block.symbols, found.left, found.failure) == (("A",), 2, "away")


async def test_a_share_on_its_first_day_has_its_type_and_no_previous_day() -> None:
    source = FakeSymbols()
    source.listed["IPO"] = ListedTicker("IPO", "Fresh", "CS", "XNYS")

    row = block_rows((await search(source, "IPO")).block)["IPO"]

    assert (row["ticker_type"], row["nasdaq_listed"], row["prev_day_close"]) == (TickerType.CS, 0.0, None)


async def test_a_symbol_that_did_not_trade_in_the_previous_session_has_no_previous_day() -> None:
    source = FakeSymbols()
    source.histories["NEW"] = [day_bar(SESSION_DATES[-2], bar("NEW", volume=60.0))]

    row = block_rows((await search(source, "NEW")).block)["NEW"]

    assert (row["prev_day_close"], row["avg_volume"]) == (None, 30.0)


async def test_an_unknown_symbol_is_counted_and_not_asked_for_again_soon() -> None:
    source, store = FakeSymbols(), MemoryStore()

    first = await search(source, "ZZTOP", store=store)
    asked = source.requests
    second = await search(source, "ZZTOP", store=store)

    assert (len(first.block), first.unknown, second.unknown) == (0, 1, 1)
    assert (asked, source.requests) == (4, 4)


async def test_the_bound_on_requests_leaves_symbols_for_later_but_not_those_that_are_remembered() -> None:
    source, store = FakeSymbols(), MemoryStore()
    await search(source, "A", "B", store=store)
    source.requests = 0

    found = await search(source, "A", "B", "C", "D", "E", store=store, max_requests=4)

    assert source.requests == 6  # two symbols: the bound is looked at before each
    assert (found.unknown, found.left) == (4, 1)


async def test_a_plan_without_an_endpoint_is_said_once_and_the_others_are_asked() -> None:
    source = FakeSymbols()
    source.refused["free_float"] = ProviderRefused("not_entitled", "upgrade")
    source.listed = {name: ListedTicker(name, None, "ETF") for name in ("A", "B", "C")}

    found = await search(source, "A", "B", "C")

    assert found.not_entitled == ("free_float",)
    assert found.block.symbols == ("A", "B", "C")
    assert source.requests == 8


@pytest.mark.parametrize("error", [ProviderRefused("auth_failed"), ProviderUnavailable("away")])
async def test_other_failures_are_raised(error: Exception) -> None:
    source = FakeSymbols()
    source.refused["ticker"] = error
    with pytest.raises(type(error)):
        await search(source, "A")


async def test_the_history_of_one_day_is_not_that_of_the_next() -> None:
    source, store = FakeSymbols(), MemoryStore()
    await search(source, "NEW", store=store)

    assert ("day_bars", f"{SESSION_DATES[-1]}:NEW") in store.values


symbol_sets = st.sets(st.text("ABC.p", min_size=1, max_size=3))


@given(symbol_sets, symbol_sets)
def test_merged_rows_stand_by_symbol_with_their_own_values(one: set[str], other: set[str]) -> None:
    def block(symbols: set[str], base: float) -> RowBlock:
        rows = {symbol: {"x": base + index} for index, symbol in enumerate(sorted(symbols))}
        return row_block(rows, names=["x"], published_ns=round(base))

    stored, added = block(one, 0.0), block(other - one, 1000.0)

    merged = merge(stored, added)

    assert list(merged.symbols) == sorted(one | other)
    assert block_rows(merged) == block_rows(stored) | block_rows(added)
    assert (merged.tick, merged.epoch, merged.published_ns) == (stored.tick + 1, stored.epoch, 1000)
    assert all(column.dtype == np.float64 for column in merged.columns.values())


def test_a_merged_block_keeps_its_columns() -> None:
    merged = merge(row_block({"A": {"x": 1.0, "y": 2.0}}), row_block({"B": {"x": 3.0, "z": 4.0}}))
    assert block_rows(merged) == {"A": {"x": 1.0, "y": 2.0}, "B": {"x": 3.0, "y": None}}
