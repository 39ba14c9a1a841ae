"""Scenarios: each tells its story, the same from the same seed, and leaves the rest of the market alone."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from marketdata.errors import ConfigurationError
from marketdata.providers.massive.decoders import HALT_INDICATOR, REOPENING_INDICATOR
from marketdata.providers.massive.emulator.injection import DefectInjector
from marketdata.providers.massive.emulator.prebuilt import frames_of
from marketdata.providers.massive.emulator.wire import (
    PriceBandsMessage,
    QuoteMessage,
    SecondAggregateMessage,
    TradeMessage,
)
from marketdata.synthetic_market.blocks import EventKind
from marketdata.synthetic_market.defects import DefectSchedule
from marketdata.synthetic_market.halts import NASDAQ_TAPE
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.scenarios import SCENARIOS, scenario_named
from tests.unit.marketdata.synthetic_market.markets import BRISK, instant, market, messages, run, universe

ALL = sorted(SCENARIOS)
DATE = "2026-11-20"


def market_of(name: str, *, seed: int = 7) -> Market:
    scenario = scenario_named(name)
    return market(f"{DATE}T{scenario.start}", seed=seed, scenario=scenario)


def everything(name: str, seconds: float, *, seed: int = 7) -> list[bytes]:
    """All that the feed would send, bad input included."""
    of = market_of(name, seed=seed)
    schedule = DefectSchedule(scenario_named(name).defects, seed=seed, start_ms=of.start_ms)
    injector = DefectInjector(schedule)
    sent: list[bytes] = []
    for _ in range(round(seconds * 10)):
        blocks = of.step(100)
        sent += [frame for block in blocks for frame in frames_of(block, 300)]
        sent += [injection.data for injection in injector.step(blocks, of.now_ms)]
    return sent


def events_by_second(of: Market, seconds: int) -> list[int]:
    """Trades and quotes."""
    return [
        sum(len(block) for block in of.step(1_000) if block.kind in {EventKind.TRADE, EventKind.QUOTE})
        for _ in range(seconds)
    ]


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(name: str) -> None:
    first = everything(name, 3)
    assert first == everything(name, 3)
    assert first != everything(name, 3, seed=8)


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_says_in_a_line_what_it_is(name: str) -> None:
    summary = SCENARIOS[name].summary
    assert 20 < len(summary) < 100
    assert "\n" not in summary


def test_an_unknown_scenario_is_named_with_those_there_are() -> None:
    there_are = "bad, calm, demo, flash, halt, hostile, open, runner"
    with pytest.raises(ConfigurationError, match=f"'panic' is none of {there_are}"):
        scenario_named("panic")


def test_calm_is_a_third_of_the_rates_without_a_pause() -> None:
    of = market_of("calm")
    counts = events_by_second(of, 3)
    assert sum(counts) / 3 == pytest.approx((BRISK.trades_per_second + BRISK.quotes_per_second) / 3, rel=0.01)
    assert of.halts == ()


def test_open_is_ten_times_busier_for_ten_seconds_from_the_bell_and_then_less_and_less() -> None:
    usual = BRISK.trades_per_second + BRISK.quotes_per_second
    counts = events_by_second(market_of("open"), 40)
    assert counts[:10] == pytest.approx([usual] * 10, rel=0.01)
    assert counts[10:20] == pytest.approx([10 * usual] * 10, rel=0.01)
    assert all(one > next_one > usual for one, next_one in pairwise(counts[20:]))


def test_flash_bursts_for_five_seconds_every_half_minute_while_the_whole_market_dips() -> None:
    of = market_of("flash")
    undisturbed = market(f"{DATE}T14:30").path
    usual = BRISK.trades_per_second + BRISK.quotes_per_second
    for second, count in enumerate(events_by_second(of, 70)):
        burst = second >= 10 and (second - 10) % 30 < 5
        assert count == pytest.approx(10 * usual if burst else usual, rel=0.01)
    for seconds, level in ((9, 1.0), (15, 0.94), (30, 1.0), (45, 0.94)):
        instant_ms = of.start_ms + seconds * 1_000
        ratio = of.path.prices_at(instant_ms) / undisturbed.prices_at(instant_ms)
        assert ratio == pytest.approx(np.full(len(ratio), level))


def test_runner_doubles_a_low_float_share_within_minutes_on_rising_volume() -> None:
    of = market_of("runner")
    row = of.path.moves[0].row
    assert row is not None
    symbol, facts = universe().symbols[row], universe()
    rivals = facts.free_float_shares[facts.has_float & (facts.base_price <= 10) & (facts.base_price >= 1)]
    assert facts.free_float_shares[row] < np.median(rivals)
    bars = [
        bar
        for bar in messages(run(of, 255, step_ms=1_000), "A")
        if isinstance(bar, SecondAggregateMessage) and bar.sym == symbol
    ]
    assert bars[-1].c / bars[0].c > 1.95
    by_minute = Counter[int]()
    for bar in bars:
        by_minute[(bar.s - of.start_ms) // 60_000] += bar.v
    assert by_minute[0] < by_minute[1] < by_minute[2] < by_minute[3]
    volumes = [bar.av for bar in bars]
    assert volumes == sorted(volumes)
    assert not [halt for halt in of.halts if halt.symbol_index == row]


def test_halt_reopens_and_pauses_nasdaq_symbols_soon_after_the_start_and_in_bands_before() -> None:
    of = market_of("halt")
    blocks = list(run(of, 380, step_ms=1_000))
    bands = [message for message in messages(iter(blocks), "LULD") if isinstance(message, PriceBandsMessage)]
    told = [(message.i[0], message.t // 10**9 - of.start_ms // 1_000, message.T) for message in bands]
    halted = [(second, symbol) for code, second, symbol in told if code == HALT_INDICATOR]
    reopened = [(second, symbol) for code, second, symbol in told if code == REOPENING_INDICATOR]
    assert [second for second, _ in halted] == [60, 75, 90, 105, 120]
    assert [second for second, _ in reopened] == [20, 35, 50, 360, 375]
    assert [symbol for _, symbol in reopened[3:]] == [symbol for _, symbol in halted[:2]]
    assert all(universe().tape[universe().index[symbol]] == NASDAQ_TAPE for _, symbol in halted)
    for second, symbol in halted:
        of_symbol = [
            message
            for message in messages(iter(blocks), "Q")
            if isinstance(message, QuoteMessage) and message.sym == symbol
        ]
        start_ms = of.start_ms + second * 1_000
        pressed = [quote for quote in of_symbol if start_ms - 15_000 <= quote.t < start_ms]
        calm = [quote for quote in of_symbol if quote.t < start_ms - 50_000]
        assert pressed
        assert abs(pressed[-1].bp / calm[-1].bp - 1) > 0.04
        # The step in which the pause begins may still carry what was before it.
        assert not [quote for quote in of_symbol if start_ms + 1_000 <= quote.t < start_ms + 240_000]


def test_prints_in_a_limit_state_stay_within_the_bands() -> None:
    of = market_of("halt")
    pause = of.halts[3]
    symbol = universe().symbols[pause.symbol_index]
    reference = of.path.prices_at(pause.start_ms - 60_000)[pause.symbol_index]
    tier_two = 0.10 if universe().tier[pause.symbol_index] == 2 else 0.05
    trades = [
        trade
        for trade in messages(run(of, 60, step_ms=1_000), "T")
        if isinstance(trade, TradeMessage) and trade.sym == symbol and trade.t >= pause.start_ms - 15_000
    ]
    at_market = [trade.p for trade in trades if not set(trade.c or ()) & {2, 7, 10, 22, 52, 53}]
    assert at_market
    assert max(at_market) <= reference * (1 + tier_two)
    assert min(at_market) >= reference * (1 - tier_two)


def test_a_scenario_ends_with_its_day() -> None:
    scenario = scenario_named("halt")
    of = market(f"{DATE}T19:59:59", scenario=scenario)
    for _ in run(of, 1.2):
        pass
    ordinary = market("2026-11-23T04:00")
    assert of.day.date.isoformat() == "2026-11-23"
    assert of.path.moves == ordinary.path.moves
    assert of.halts == ordinary.halts
    at_noon = instant("2026-11-23T12:00")
    assert (of.path.prices_at(at_noon) == ordinary.path.prices_at(at_noon)).all()


@pytest.mark.parametrize("name", ["flash", "runner"])
def test_what_the_day_is_asked_for_by_date_is_the_scenarios(name: str) -> None:
    of = market_of(name)
    asked, moment = of.path_of(of.day.date), of.start_ms + 100_000
    assert (asked.prices_at(moment) == of.path.prices_at(moment)).all()
    volumes = of.path.accumulated_volume_at(moment)
    assert [
        asked.accumulated_shares_over(row, np.array([moment]))[0] for row in range(len(volumes))
    ] == volumes.tolist()
