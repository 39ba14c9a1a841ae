"""Reference data from a hostile provider: never wrong nor worse than before, named, whole in the end."""

import contextlib
import datetime as dt
import functools
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web

from marketdata.errors import MarketDataError
from marketdata.jobs import ReferenceConfiguration, RefreshOutcome, refresh
from marketdata.payloads import RowBlock
from marketdata.providers.emulator import ApiKey
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.emulator.odd_answers import (
    FAIR_WINDOW_EVERY,
    WINDOW_MS,
    Oddity,
    OddSchedule,
)
from marketdata.providers.massive.emulator.odd_responses import OddAnswers
from marketdata.providers.massive.emulator.odd_rows import UNUSUAL_TICKERS, ZERO
from marketdata.providers.massive.emulator.rest import build_rest_routes
from marketdata.providers.massive.rest import source as rest_source
from marketdata.providers.massive.rest.source import RestSource
from marketdata.reference.flaws import FLOATS, SNAPSHOT, SPLITS, TICKERS, StoredParts
from marketdata.reference.loader import ReferenceLoader
from marketdata.runtime.backoff import Backoff
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.universe import build_universe
from tests.support.builders import block_rows
from tests.support.deadlines import scaled
from tests.support.massive import rest_settings
from tests.support.simulator import FULL_KEY, trading_calendar

Row = dict[str, float | None]

pytestmark = pytest.mark.timeout(scaled(180))

START = "2026-11-20T10:00"
SYMBOLS = 40
STEP_MS = 5_000
WINDOWS = 2 * FAIR_WINDOW_EVERY
BODY_BYTES = 8 << 20
RATES = Rates(aggregates_per_second=5, trades_per_second=5, quotes_per_second=5, follows_session=False)
OF_ONE_ANSWER = (
    "prev_day_close",
    "prev_day_volume",
    "free_float",
    "ticker_type",
    "nasdaq_listed",
    "split_ratio",
)
"""Columns that are right or absent, whichever answers are missing."""

PATHS = {
    FLOATS: "/stocks/vX/float",
    TICKERS: "/v3/reference/tickers",
    SPLITS: "/v3/reference/splits",
    SNAPSHOT: "/v2/snapshot/locale/us/markets/stocks/tickers",
}
UNUSUAL = frozenset(row["ticker"] for row in UNUSUAL_TICKERS)


def make_market(seed: int) -> Market:
    calendar, local = trading_calendar(), dt.datetime.fromisoformat(START)
    start_ms = calendar.instant_ms(local.date(), local.time())
    return Market(build_universe(seed, SYMBOLS), calendar, RATES, seed=seed, start_ms=start_ms)


@contextlib.asynccontextmanager
async def served(market: Market, odd_answers: OddAnswers | None = None) -> AsyncIterator[str]:
    """The market's REST service, whose time stands still while it is asked; its address."""
    app = web.Application()
    keys = {FULL_KEY: ApiKey(FULL_KEY)}
    build_rest_routes(app, market, keys, Faults(list), holidays=(), odd_answers=odd_answers)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


class HostileProvider:
    """A market behind odd answers, the same one behind good ones, and what the platform stored of it."""

    def __init__(self, seed: int, redis_url: str, prefix: str) -> None:
        self.market = make_market(seed)
        self.schedule = OddSchedule(seed=seed, start_ms=self.market.start_ms)
        self.odd = OddAnswers(self.schedule, lambda: self.market.now_ms)
        self._redis_url = redis_url
        self._prefix = prefix

    async def load(self) -> RefreshOutcome | MarketDataError:
        """One load, whatever is stored; the error where it ended with one."""
        async with served(self.market, self.odd) as url:
            configuration = ReferenceConfiguration(
                provider="massive",
                provider_settings=rest_settings(url, FULL_KEY),
                cache_url=self._redis_url,
                key_prefix=self._prefix,
            )
            try:
                return (await refresh(configuration, only_if_stale=False)).outcome
            except MarketDataError as error:
                return error

    async def stored(self) -> tuple[RowBlock, StoredParts] | None:
        """The reference data in the cache, and how whole it is."""
        async with contextlib.aclosing(connect(self._redis_url)) as redis:
            reader = SnapshotReader(redis, Keys(self._prefix))
            block, parts = await reader.reference(), await reader.reference_parts()
        return None if block is None or parts is None else (block, parts)

    async def truth(self) -> Mapping[str, Row]:
        """What a good provider of the same market would bring now."""
        async with served(self.market) as url, RestSource(url, FULL_KEY) as source:
            loaded = await ReferenceLoader(source, lambda _ns: trading_calendar()).load()
        assert not loaded.flaws
        return block_rows(loaded.block)

    def troubles(self) -> Mapping[str, Oddity]:
        """The listings and the snapshot whose answers are odd now, by the part that this costs."""
        found: dict[str, Oddity] = {}
        for part, path in PATHS.items():
            oddity = self.schedule.plan(path, f"{path} ", self.market.now_ms).costly
            if oddity is not None:
                found[part] = oddity
        return found

    def pass_a_window(self) -> None:
        """Let the market go on to the next window of its troubles."""
        for _ in range(WINDOW_MS // STEP_MS):
            self.market.step(STEP_MS)


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job asks as it always does, but waits for nothing and takes no more than 8 MiB."""
    impatient = functools.partial(
        RestSource,
        attempts=2,
        make_backoff=lambda: Backoff(initial_seconds=0.001, maximum_seconds=0.002),
        body_bytes=BODY_BYTES,
    )
    monkeypatch.setattr(rest_source, "RestSource", impatient)


def is_same(name: str, value: float | None, right: float | None) -> bool:
    if value is None or right is None:
        return value is right
    return value == pytest.approx(right, rel=1e-9)


@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("seed", [7])
async def test_reference_data_of_a_hostile_provider_is_right_or_absent_and_whole_in_the_end(
    seed: int, redis_url: str, unique_prefix: str
) -> None:
    provider = HostileProvider(seed, redis_url, f"{unique_prefix}:")
    before: Mapping[str, Row] = {}
    lost_parts: Counter[str] = Counter()
    for window in range(WINDOWS):
        if window:
            provider.pass_a_window()
        outcome = await provider.load()
        truth, stored = await provider.truth(), await provider.stored()
        if stored is None:
            continue  # the provider told no time: nothing could be asked for
        rows, parts = block_rows(stored[0]), stored[1]
        flaws = {flaw.part for flaw in parts.flaws}
        check_right_or_absent(rows, truth, knows_splits=SPLITS not in flaws)
        check_nothing_lost(before, rows)
        before = rows
        if outcome is RefreshOutcome.LOADED:
            assert provider.troubles().keys() <= flaws
            lost_parts.update(flaws)
    assert stored is not None
    assert stored[1].is_complete, stored[1].flaws
    check_whole(block_rows(stored[0]), truth)
    assert lost_parts, "not one load that lacked a part"


def check_right_or_absent(rows: Mapping[str, Row], truth: Mapping[str, Row], *, knows_splits: bool) -> None:
    """Every number is what a good provider tells. What depends on several answers is not looked at."""
    wrong = [
        (symbol, name, rows[symbol][name], right[name])
        for symbol, right in truth.items()
        if symbol in rows
        for name in OF_ONE_ANSWER
        if rows[symbol][name] is not None
        and not is_same(name, rows[symbol][name], right[name])
        # Whether a float is of before the split nobody knows without the splits, which are named as missing.
        and not (name == "free_float" and right["split_ratio"] is not None and not knows_splits)
    ]
    assert not wrong


def check_nothing_lost(before: Mapping[str, Row], rows: Mapping[str, Row]) -> None:
    """What was known once is known still."""
    lost = [
        (symbol, name)
        for symbol, row in before.items()
        for name in OF_ONE_ANSWER
        if row[name] is not None
        and (symbol not in rows or rows[symbol][name] is None)
        # A float that was read without the splits is given up once its symbol turns out to have one.
        and not (name == "free_float" and row["split_ratio"] is None and rows.get(symbol, row)["split_ratio"])
    ]
    assert not lost


def check_whole(rows: Mapping[str, Row], truth: Mapping[str, Row]) -> None:
    """Everything is as a good provider tells it, and the unusual shares are there."""
    assert rows.keys() - truth.keys() <= UNUSUAL
    differences = [
        (symbol, name, rows[symbol][name], value)
        for symbol, right in truth.items()
        for name, value in right.items()
        if not is_same(name, rows[symbol][name], value)
    ]
    assert not differences
    nothing = rows.get(ZERO, {})
    assert nothing.get("prev_day_close") is None
    assert nothing.get("free_float") is None
