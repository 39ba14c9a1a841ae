"""A load that lacks a part takes nothing away that an earlier one had."""

import datetime as dt

import numpy as np
import pytest

from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.payloads import RowBlock
from marketdata.reference.facts import Float, Split
from marketdata.reference.flaws import (
    QUICK_RETRIES,
    SLOW_RETRY_MS,
    Flaw,
    FlawReason,
    StoredParts,
    decode_parts,
    encode_parts,
    flaw_of,
)
from marketdata.reference.keeping import Stored, keep_better
from marketdata.reference.loader import Loaded, ReferenceLoader
from marketdata.reference.tickers import Ticker
from tests.support.builders import block_rows
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.reference.sources import CALENDAR, FRIDAY, MONDAY, FakeSource, bar

FRIDAY_10_00_MS = CALENDAR.instant_ms(FRIDAY, dt.time(10, 0))


async def load(source: FakeSource) -> Loaded:
    source.requests = 0  # each load has its own budget
    return await ReferenceLoader(source, lambda _ns: CALENDAR, clock=ManualClock()).load()


def stored_as(loaded: Loaded) -> Stored:
    parts = StoredParts(date=loaded.date, loaded_ms=0, flaws=tuple(loaded.flaws))
    return Stored(block=loaded.block, parts=parts, tickers=loaded.tickers, volume_curve=loaded.volume_curve)


def same(one: RowBlock, other: RowBlock) -> bool:
    return one.symbols == other.symbols and all(
        np.array_equal(one.columns[name], other.columns[name], equal_nan=True) for name in one.columns
    )


@pytest.mark.parametrize("step", ["floats", "tickers", "snapshot", "minute bars", "2026-11-13", "2026-11-03"])
@pytest.mark.parametrize(
    "error", [ContentError("x", "HTML"), ProviderUnavailable("503"), ProviderRefused("bad_request")]
)
async def test_a_second_load_of_the_day_that_lacks_a_part_changes_nothing(
    step: str, error: Exception
) -> None:
    source = FakeSource()
    source.default = (bar("IBM", close=20.0), bar("X", close=3.0))
    first = await load(source)
    source.refused[step] = error

    kept = keep_better(await load(source), stored_as(first))

    assert same(kept.block, first.block)
    assert kept.tickers == first.tickers
    assert kept.volume_curve is not None
    assert [flaw.kept for flaw in kept.flaws] == [MONDAY]


async def test_splits_that_could_be_had_before_still_count_the_same_day() -> None:
    source = FakeSource()
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0)]
    source.unadjusted = source.default
    first = await load(source)
    source.refused["splits"] = ProviderUnavailable("503")

    kept = keep_better(await load(source), stored_as(first))

    row = block_rows(kept.block)["IBM"]
    assert (row["split_ratio"], row["prev_day_close"]) == (4.0, 2.5)


async def test_a_float_counts_only_in_shares_that_are_known() -> None:
    source = FakeSource()
    source.default = (bar("IBM"), bar("X"))
    source.all_floats = [Float("IBM", 5_000.0), Float("X", 100.0)]
    source.refused["splits"] = ProviderUnavailable("503")
    without_splits = await load(source)
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0)]
    del source.refused["splits"]
    whole = await load(source)
    source.refused["floats"] = ProviderUnavailable("503")
    without_floats = await load(source)

    def floats(newer: Loaded, older: Loaded) -> tuple[float | None, float | None]:
        rows = block_rows(keep_better(newer, stored_as(older)).block)
        return rows["IBM"]["free_float"], rows["X"]["free_float"]

    assert floats(without_splits, whole) == (20_000.0, 100.0)
    assert floats(without_floats, whole) == (20_000.0, 100.0)
    assert floats(without_floats, without_splits) == (None, None)


@pytest.mark.parametrize(
    "error",
    [ProviderUnavailable("503"), ProviderRefused("bad_request"), ProviderRefused("not_entitled", "no")],
)
async def test_without_the_splits_of_the_day_only_floats_that_are_of_it_count(error: Exception) -> None:
    source = FakeSource()
    source.default = (bar("IBM"), bar("X"))
    source.all_floats = [Float("IBM", 5_000.0), Float("X", 100.0, MONDAY), Float("Y", 7.0, FRIDAY)]
    source.refused["splits"] = error

    loaded = await load(source)

    rows = block_rows(loaded.block)
    assert (rows["IBM"]["free_float"], rows["X"]["free_float"]) == (None, 100.0)
    assert "Y" not in rows or rows["Y"]["free_float"] is None
    assert [(flaw.part, flaw.reason) for flaw in loaded.flaws][1:] == [("floats", FlawReason.UNKNOWN_SHARES)]
    assert "floats: of before today are left out" in str(loaded.flaws[1])
    # What can never come is not asked for again and again.
    assert stored_as(loaded).parts.is_complete is (not loaded.flaws[0].passes)  # type: ignore[union-attr]


async def test_floats_of_the_day_before_are_not_kept_while_the_splits_of_the_day_are_missing() -> None:
    friday = await load(FakeSource(FRIDAY_10_00_MS))
    source = FakeSource()
    for step in ("floats", "splits"):
        source.refused[step] = ProviderUnavailable("503")

    kept = keep_better(await load(source), stored_as(friday))

    assert block_rows(kept.block)["IBM"]["free_float"] is None
    assert {flaw.name: flaw.kept for flaw in kept.flaws} == {"floats": None, "splits": None}


async def test_a_load_that_is_more_whole_replaces_one_that_is_less() -> None:
    source = FakeSource()
    source.bars[FRIDAY] = ()
    first = await load(source)
    del source.bars[FRIDAY]
    source.refused["2026-11-03"] = ContentError("x", "HTML")

    kept = keep_better(await load(source), stored_as(first))

    assert block_rows(kept.block)["IBM"]["prev_day_close"] == 10.0


async def test_of_the_day_before_floats_types_and_curve_are_kept_and_bars_are_not() -> None:
    source = FakeSource(FRIDAY_10_00_MS)
    source.default = (bar("IBM"), bar("X"))
    source.all_floats = [Float("IBM", 5_000.0), Float("X", 100.0)]
    friday = await load(source)
    source = FakeSource()
    source.default = (bar("IBM"), bar("X"))
    source.all_splits = [Split("X", MONDAY, 1.0, 4.0)]
    source.unadjusted = (bar("X", close=40.0),)
    for step in ("floats", "tickers", "minute bars", FRIDAY.isoformat()):
        source.refused[step] = ProviderUnavailable("503")

    kept = keep_better(await load(source), stored_as(friday))

    rows = block_rows(kept.block)
    assert (rows["IBM"]["free_float"], rows["X"]["free_float"]) == (5_000.0, 400.0)
    assert rows["IBM"]["ticker_type"] == 1.0
    assert rows["IBM"]["prev_day_close"] is None
    assert kept.tickers == {"IBM": Ticker("International Business Machines", "CS", "XNYS")}
    assert kept.volume_curve is friday.volume_curve
    assert {flaw.name: flaw.kept for flaw in kept.flaws} == {
        "floats": FRIDAY,
        "tickers": FRIDAY,
        "volume curve": FRIDAY,
        "daily bars of 2026-11-13": None,
    }


async def test_a_listing_that_broke_off_is_completed_by_the_stored_one() -> None:
    source = FakeSource()
    source.all_floats = [Float("IBM", 1.0), Float("X", 2.0)]
    first = await load(source)
    source.all_floats = [Float("IBM", 3.0)]
    source.broken["floats"] = ContentError("endless")

    rows = block_rows(keep_better(await load(source), stored_as(first)).block)

    assert (rows["IBM"]["free_float"], rows["X"]["free_float"]) == (3.0, 2.0)


async def test_a_symbol_that_a_whole_load_does_not_know_is_gone() -> None:
    source = FakeSource()
    source.all_floats = [Float("IBM", 1.0), Float("X", 2.0)]
    first = await load(source)
    source.all_floats = [Float("IBM", 1.0)]

    assert keep_better(await load(source), stored_as(first)).block.symbols == ("IBM",)


def test_what_is_not_whole_is_due_at_every_run_at_first_and_then_each_hour() -> None:
    flaw = flaw_of("floats", ProviderUnavailable("503"))
    parts = StoredParts(date=MONDAY, loaded_ms=0, flaws=(flaw,))
    later = StoredParts(date=MONDAY, loaded_ms=0, flaws=(flaw,), loads=QUICK_RETRIES + 1)
    planned = Flaw(part="floats", reason=FlawReason.NOT_ENTITLED)

    assert parts.is_due(1)
    assert not later.is_due(SLOW_RETRY_MS - 1)
    assert later.is_due(SLOW_RETRY_MS)
    assert not StoredParts(date=MONDAY, loaded_ms=0, flaws=(planned,)).is_due(SLOW_RETRY_MS)
    assert decode_parts(encode_parts(later)) == later
    with pytest.raises(ContentError, match="reference_parts"):
        decode_parts(b"x")
