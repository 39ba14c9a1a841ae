"""The programs that docs/analyzers.md shows, taken from the page, do what it says and keep the contract."""

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.feeds import Frame
from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS, TOP_VOLUME
from marketdata.store.shard_state import Checkpoint
from marketdata.transport.queues import QueueName
from scanners.analysis.bars import EVENT_COLUMNS, EVENT_TIME
from scanners.analysis.contract import Analyzer
from scanners.analyzers.leaderboard import LeaderboardAnalyzer
from scanners.processor.shard import ShardProcessor
from scanners.registry import Route
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
)
from tests.support.stored_ticks import StoredTicks

PAGE: Final = Path(__file__).parents[3] / "docs" / "analyzers.md"
CALENDAR: Final = calendar_of("2026-11-23", "2026-11-24")
START_MS: Final = new_york_ms("2026-11-23", "10:00:00")

Wire = dict[str, Any]


def _programs_of_the_page() -> dict[str, Any]:
    names: dict[str, Any] = {}
    page = PAGE.read_text(encoding="utf-8")
    for program in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(compile(program, PAGE.name, "exec"), names)  # noqa: S102 - the page is part of the repository
    return names


SHOWN: Final = _programs_of_the_page()
MakeAnalyzer = Callable[[], Analyzer]
make_analyzer: Final[MakeAnalyzer] = SHOWN["LargestBarAnalyzer"]


def new_shard(epoch: int) -> ShardProcessor:
    analyzers = (LeaderboardAnalyzer(), make_analyzer())
    route = Route(QueueName.AGGREGATE, EVENT_COLUMNS, EVENT_TIME, analyzers)
    return ShardProcessor(0, routes=[route], calendar=CALENDAR, epoch=epoch)


def bar(symbol: str, second: int, volume: int) -> Wire:
    return aggregate_wire(symbol, start_ms=START_MS + second * 1_000, v=volume, av=1_000 * (second + 1))


bars = st.builds(bar, st.sampled_from(("A", "B")), st.integers(0, 200), st.sampled_from((0, 5, 7, 100, 900)))


def expected_records(arrived: Sequence[Wire]) -> dict[str, list[float]]:
    """The volumes of the bars that were larger than all before them, by symbol; the first is among them."""
    records: dict[str, list[float]] = {}
    for event in arrived:
        larger = records.setdefault(event["sym"], [])
        if not larger or event["v"] > larger[-1]:
            larger.append(event["v"])
    return records


@given(day=st.lists(bars, min_size=1, max_size=25), data=st.data())
def test_the_example_keeps_the_contract(day: list[Wire], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(day)), max_size=4)))
    edges = zip([0, *cuts], [*cuts, len(day)], strict=True)
    groups = [day[first:last] for first, last in edges if first < last]
    rows, told = run(groups, dies_before=data.draw(st.integers(0, 4)))

    for symbol, volumes in expected_records(day).items():
        assert rows[symbol]["largest_bar_volume"] == volumes[-1]
        of_day = rows[symbol]["accumulated_volume"] or 0
        assert rows[symbol]["largest_bar_pct"] == pytest.approx(100 * volumes[-1] / of_day)
        lines = [volume for line_symbol, volume in told if line_symbol == symbol]
        assert lines == [volume for before, volume in pairwise(volumes) if before > 0]


def run(
    groups: Sequence[Sequence[Wire]], dies_before: int
) -> tuple[dict[str, dict[str, float | None]], list[tuple[str, float]]]:
    """Rows and lines after all groups; a successor takes over before one and is sent the one before again."""
    shard = new_shard(1)
    told: list[tuple[str, float]] = []
    checkpoint: Checkpoint | None = None
    private: dict[str, RowBlock] = {}
    stored = StoredTicks()
    for number, events in enumerate(groups):
        if number == dies_before and checkpoint is not None:
            shard = new_shard(2)
            shard.restore(checkpoint)
            shard.apply([batch(QueueName.AGGREGATE, groups[number - 1])])
        shard.apply([batch(QueueName.AGGREGATE, events)])
        tick = shard.tick(published_ns=1)
        shard.confirm(tick)
        private |= tick.private_columns
        checkpoint = Checkpoint(stored.store(tick), dict(private))
        for block in tick.streams.get("largest_bars", ()):
            told += zip(block.symbols, block.columns["bar_volume"].tolist(), strict=True)
    return block_rows(stored.store(shard.tick(published_ns=2))), told


def test_the_program_without_the_platform_ranks_frames() -> None:
    def frames(second: int, closes: dict[str, float]) -> Sequence[Frame]:
        events = [
            aggregate_wire(symbol, start_ms=START_MS + second * 1_000, o=10.0, c=close, av=1 + second)
            for symbol, close in closes.items()
        ]
        return [Frame(json.dumps(events), (START_MS + second * 1_000 + 1_000) * 1_000_000)]

    blocks = [frames(0, {"A": 11.0, "B": 10.0}), frames(1, {"A": 12.0, "B": 14.0}), frames(2, {"A": 15.0})]

    assert SHOWN["leaders"](blocks, row_block({}), CALENDAR, TOP_GAINERS) == ["A", "B"]
    assert SHOWN["leaders"](blocks[:1], row_block({}), CALENDAR, TOP_VOLUME) == ["A"]
