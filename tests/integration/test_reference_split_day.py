"""A day on which two symbols split, as the simulator has on every session: all is in today's shares."""

import datetime as dt
from collections.abc import AsyncIterator

import numpy as np
import pytest

from marketdata.payloads import RowBlock
from marketdata.providers.massive.rest.source import RestSource
from marketdata.reference.facts import DailyBar, Split
from marketdata.reference.loader import ReferenceLoader
from marketdata.simulator.service import SimulatorService
from tests.support.builders import block_rows
from tests.support.simulator import FULL_KEY, running_simulator, trading_calendar

TODAY, PREVIOUS = dt.date(2026, 11, 20), dt.date(2026, 11, 19)


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


@pytest.fixture
async def source(simulator: SimulatorService) -> AsyncIterator[RestSource]:
    async with RestSource(f"http://{simulator.address}", FULL_KEY) as rest:
        yield rest


class LateSource(RestSource):
    """The provider before it has adjusted its bars for today's splits: it gives them as they were."""

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> list[DailyBar]:
        del adjusted
        splits = {split.symbol: split for split in (await self.splits(TODAY)).rows}
        adjusted_bars = await super().daily_bars(date, adjusted=True)
        return [in_old_shares(bar, splits.get(bar.symbol)) for bar in adjusted_bars]


def in_old_shares(bar: DailyBar, split: Split | None) -> DailyBar:
    if split is None:
        return bar
    ratio = split.split_to / split.split_from
    return DailyBar(
        symbol=bar.symbol,
        open=bar.open * ratio,
        high=bar.high * ratio,
        low=bar.low * ratio,
        close=bar.close * ratio,
        volume=bar.volume / ratio,
        vwap=None if bar.vwap is None else bar.vwap * ratio,
    )


async def load(source: RestSource) -> RowBlock:
    return (await ReferenceLoader(source, lambda _ns: trading_calendar()).load()).block


async def test_both_splits_are_told_and_bars_and_floats_are_in_todays_shares(
    simulator: SimulatorService, source: RestSource
) -> None:
    splits = (await source.splits(TODAY)).rows
    assert sorted(split.split_to / split.split_from for split in splits) == [0.1, 4.0]

    rows = block_rows(await load(source))

    universe, path = simulator.market.universe, simulator.market.path
    for split in splits:
        row, place = rows[split.symbol], universe.index[split.symbol]
        assert row["split_ratio"] == split.split_to / split.split_from
        assert row["prev_day_close"] == path.previous_close[place]
        assert row["free_float"] == pytest.approx(universe.free_float_shares[place], abs=4)
    assert sum(row["split_ratio"] is not None for row in rows.values()) == 2


async def test_bars_that_the_provider_has_not_adjusted_yet_come_to_the_same(
    simulator: SimulatorService, source: RestSource
) -> None:
    adjusted = await load(source)
    async with LateSource(f"http://{simulator.address}", FULL_KEY) as late:
        adjusted_here = await load(late)

    assert adjusted_here.symbols == adjusted.symbols
    for name in adjusted.columns:
        if not name.startswith("snapshot_"):
            np.testing.assert_allclose(adjusted_here.columns[name], adjusted.columns[name], rtol=1e-9)


async def test_unadjusted_bars_of_the_previous_session_show_what_the_split_did(source: RestSource) -> None:
    adjusted = {bar.symbol: bar for bar in await source.daily_bars(PREVIOUS)}
    raw = {bar.symbol: bar for bar in await source.daily_bars(PREVIOUS, adjusted=False)}
    for split in (await source.splits(TODAY)).rows:
        ratio = split.split_to / split.split_from
        assert raw[split.symbol].close == pytest.approx(adjusted[split.symbol].close * ratio, rel=1e-3)
        assert raw[split.symbol].volume == pytest.approx(adjusted[split.symbol].volume / ratio, abs=1)
