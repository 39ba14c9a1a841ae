"""The simulator's REST calls as the official SDK makes them, and its errors as they are documented."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession
from massive import RESTClient
from massive.exceptions import BadResponse
from urllib3.exceptions import MaxRetryError

from marketdata.simulator.service import SimulatorService
from tests.support.simulator import FULL_KEY, faults_of, running_simulator

T = TypeVar("T")


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


async def ask(simulator: SimulatorService, call: Callable[[RESTClient], T], key: str = FULL_KEY) -> T:
    """One call of the SDK's blocking client, in a thread as the platform makes it."""
    client = RESTClient(key, base=f"http://{simulator.address}", retries=1)
    try:
        return await asyncio.to_thread(call, client)
    finally:
        client.client.clear()


async def get(simulator: SimulatorService, path: str, **headers: str) -> tuple[int, Any]:
    async with (
        ClientSession() as session,
        session.get(f"http://{simulator.address}{path}", headers=headers) as response,
    ):
        text = await response.text()
        return response.status, json.loads(text) if response.content_type == "application/json" else text


async def test_the_full_snapshot_agrees_with_the_previous_days_bars(simulator: SimulatorService) -> None:
    snapshot = await ask(simulator, lambda client: client.get_snapshot_all("stocks"))
    assert [row.ticker for row in snapshot] == list(simulator.market.universe.symbols)
    grouped = await ask(simulator, lambda client: client.get_grouped_daily_aggs("2026-11-19"))
    by_ticker = {bar.ticker: bar for bar in grouped}
    for row in snapshot:
        bar = by_ticker[row.ticker]
        before = row.prev_day
        assert (before.open, before.high, before.low, before.close) == (
            bar.open,
            bar.high,
            bar.low,
            bar.close,
        )
        assert (before.volume, before.vwap) == (bar.volume, bar.vwap)
        if row.day.open:
            assert (
                row.day.low
                <= min(row.day.open, row.day.close)
                <= max(row.day.open, row.day.close)
                <= row.day.high
            )
            assert row.last_quote.bid_price < row.last_quote.ask_price
            assert row.todays_change == pytest.approx(row.last_trade.price - before.close, abs=1e-3)


async def test_the_snapshot_can_be_narrowed_to_some_tickers(simulator: SimulatorService) -> None:
    rows = await ask(
        simulator, lambda client: client.get_snapshot_all("stocks", tickers=["SPY", "AAPL", "NOTATICKER"])
    )
    assert [row.ticker for row in rows] == ["AAPL", "SPY"]


async def test_before_the_open_the_day_is_zero_while_the_last_trade_moves() -> None:
    async with running_simulator(start="2026-11-20T08:30") as simulator:
        row = await ask(simulator, lambda client: client.get_snapshot_ticker("stocks", "SPY"))
    assert (row.day.open, row.day.high, row.day.volume) == (0, 0, 0)
    assert row.last_trade.price > 0
    assert row.min.accumulated_volume > 0
    assert row.prev_day.close > 0


async def test_the_movers_are_ordered_by_change_and_liquid(simulator: SimulatorService) -> None:
    gainers = await ask(simulator, lambda client: client.get_snapshot_direction("stocks", "gainers"))
    losers = await ask(simulator, lambda client: client.get_snapshot_direction("stocks", "losers"))
    changes = [row.todays_change_percent for row in gainers]
    assert len(gainers) == 20
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 5
    assert losers[0].todays_change_percent < -5
    assert all(row.min.accumulated_volume >= 10_000 for row in gainers)


async def test_a_day_without_trading_has_no_bars_and_today_is_not_for_sale_yet(
    simulator: SimulatorService,
) -> None:
    assert await ask(simulator, lambda client: client.get_grouped_daily_aggs("2026-11-15")) == []
    status, body = await get(
        simulator, f"/v2/aggs/grouped/locale/us/market/stocks/2026-11-15?apiKey={FULL_KEY}"
    )
    assert (status, body["resultsCount"], "results" in body) == (200, 0, False)
    with pytest.raises(BadResponse, match="before end of day"):
        await ask(simulator, lambda client: client.get_grouped_daily_aggs("2026-11-20"))


async def test_thirty_sessions_of_grouped_bars_can_be_had(simulator: SimulatorService) -> None:
    dates = simulator.market.calendar.previous_sessions(simulator.market.day.date, 30)
    for date in (dates[0], dates[-1]):
        bars = await ask(simulator, lambda client, date=date: client.get_grouped_daily_aggs(date.isoformat()))  # type: ignore[misc]
        assert len(bars) == 300
        assert all(bar.volume > 0 and bar.transactions > 0 for bar in bars)


async def test_day_bars_over_a_range_end_with_the_running_day(simulator: SimulatorService) -> None:
    bars = await ask(
        simulator, lambda client: list(client.list_aggs("SPY", 1, "day", "2026-11-16", "2026-11-22"))
    )
    assert len(bars) == 5
    previous = await ask(simulator, lambda client: client.get_previous_close_agg("SPY"))
    assert (previous[0].close, previous[0].volume) == (bars[-2].close, bars[-2].volume)
    assert bars[-1].volume < bars[-2].volume * 5
    newest_first = await ask(
        simulator,
        lambda client: list(client.list_aggs("SPY", 1, "day", "2026-11-16", "2026-11-19", sort="desc")),
    )
    assert [bar.timestamp for bar in newest_first] == [bar.timestamp for bar in reversed(bars[:-1])]


async def test_minute_bars_cover_the_day_until_now_and_come_in_pages(simulator: SimulatorService) -> None:
    bars = await ask(
        simulator,
        lambda client: list(client.list_aggs("SPY", 1, "minute", "2026-11-20", "2026-11-20", limit=100)),
    )
    assert 300 < len(bars) <= 421
    times = [bar.timestamp for bar in bars]
    assert times == sorted(set(times))
    assert times[-1] + 60_000 <= simulator.market.now_ms
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    five = await ask(
        simulator, lambda client: list(client.list_aggs("SPY", 5, "minute", "2026-11-19", "2026-11-19"))
    )
    assert len(five) <= 192
    day = (
        await ask(
            simulator, lambda client: list(client.list_aggs("SPY", 1, "day", "2026-11-19", "2026-11-19"))
        )
    )[0]
    assert sum(bar.volume for bar in five) == pytest.approx(day.volume, rel=0.001)


async def test_bars_of_an_unknown_ticker_are_none_and_its_snapshot_is_not_found(
    simulator: SimulatorService,
) -> None:
    assert (
        await ask(
            simulator, lambda client: list(client.list_aggs("NOPE", 1, "day", "2026-11-16", "2026-11-19"))
        )
        == []
    )
    for call in (
        lambda client: client.get_snapshot_ticker("stocks", "NOPE"),
        lambda client: client.get_ticker_details("NOPE"),
        lambda client: client.get_previous_close_agg("NOPE"),
    ):
        with pytest.raises(BadResponse, match="Ticker not found"):
            await ask(simulator, call)


@pytest.mark.parametrize(
    ("start", "market", "early", "after"),
    [
        ("2026-11-20T08:00", "extended-hours", True, False),
        ("2026-11-20T11:00", "open", False, False),
        ("2026-11-27T13:30", "extended-hours", False, True),
    ],
)
async def test_the_market_status_follows_simulated_time(
    start: str, market: str, early: bool, after: bool
) -> None:
    async with running_simulator(start=start) as simulator:
        status = await ask(simulator, lambda client: client.get_market_status())
    assert (status.market, status.early_hours, status.after_hours) == (market, early, after)
    assert status.server_time.startswith(start[:14])
    assert status.server_time.endswith("-05:00")


async def test_upcoming_holidays_are_a_bare_array_with_early_closes_in_utc(
    simulator: SimulatorService,
) -> None:
    holidays = await ask(simulator, lambda client: client.get_market_holidays())
    nyse = [holiday for holiday in holidays if holiday.exchange == "NYSE"]
    assert [(day.date, day.status) for day in nyse[:3]] == [
        ("2026-11-26", "closed"),
        ("2026-11-27", "early-close"),
        ("2026-12-24", "early-close"),
    ]
    assert (nyse[1].open, nyse[1].close) == ("2026-11-27T14:30:00.000Z", "2026-11-27T18:00:00.000Z")


async def test_tickers_are_paged_by_next_url_without_loss_or_repetition(simulator: SimulatorService) -> None:
    tickers = await ask(simulator, lambda client: list(client.list_tickers(market="stocks", limit=70)))
    assert [row.ticker for row in tickers] == list(simulator.market.universe.symbols)
    funds = await ask(
        simulator, lambda client: list(client.list_tickers(market="stocks", type="ETF", limit=20))
    )
    assert {row.type for row in funds} == {"ETF"}
    assert 20 < len(funds) < 300
    later = await ask(simulator, lambda client: list(client.list_tickers(ticker_gte="M", limit=1000)))
    assert [row.ticker for row in later] == [row.ticker for row in tickers if row.ticker >= "M"]
    assert await ask(simulator, lambda client: list(client.list_tickers(market="crypto"))) == []


async def test_floats_have_gaps_and_an_integer_request_id(simulator: SimulatorService) -> None:
    rows = await ask(simulator, lambda client: list(client.list_stocks_floats(limit=100)))
    assert 200 < len(rows) < 300
    assert all(0 < row.free_float_percent <= 100 for row in rows)
    some = await ask(
        simulator, lambda client: list(client.list_stocks_floats(ticker_any_of=[rows[0].ticker, "NOPE"]))
    )
    assert [row.ticker for row in some] == [rows[0].ticker]
    _, body = await get(simulator, f"/stocks/vX/float?limit=2&apiKey={FULL_KEY}")
    assert isinstance(body["request_id"], int)


async def test_details_splits_conditions_and_exchanges(simulator: SimulatorService) -> None:
    details = await ask(simulator, lambda client: client.get_ticker_details("BRK.B"))
    assert (details.ticker, details.locale) == ("BRK.B", "us")
    assert details.market_cap > 0
    splits = await ask(simulator, lambda client: list(client.list_stocks_splits(limit=7)))
    assert len(splits) == 42
    dates = [split.execution_date for split in splits]
    assert dates == sorted(dates, reverse=True)
    older = await ask(
        simulator, lambda client: list(client.list_splits(execution_date_gte=dates[5], limit=1000))
    )
    assert [split.execution_date for split in older] == [date for date in dates if date >= dates[5]]
    conditions = await ask(
        simulator,
        lambda client: list(client.list_conditions(asset_class="stocks", data_type="trade", limit=1000)),
    )
    form_t = next(condition for condition in conditions if condition.id == 12)
    assert "Form T" in form_t.name
    assert not form_t.update_rules.consolidated.updates_high_low
    exchanges = await ask(simulator, lambda client: client.get_exchanges(asset_class="stocks"))
    assert next(exchange.mic for exchange in exchanges if exchange.id == 10) == "XNYS"


async def test_every_session_has_a_split_in_each_direction(simulator: SimulatorService) -> None:
    today = await ask(
        simulator, lambda client: list(client.list_splits(execution_date="2026-11-20", limit=1000))
    )
    assert [(split.split_from, split.split_to) for split in today] == [(1, 4), (10, 1)]
    assert len({split.ticker for split in today}) == 2
    assert (
        await ask(simulator, lambda client: list(client.list_splits(execution_date="2026-11-23", limit=10)))
        == []
    )


async def test_unadjusted_bars_are_in_the_shares_of_their_own_date(simulator: SimulatorService) -> None:
    split = (await ask(simulator, lambda client: list(client.list_splits(execution_date="2026-11-20"))))[0]
    ratio = split.split_to / split.split_from
    after = await ask(simulator, lambda client: client.get_grouped_daily_aggs("2026-11-19"))
    before = await ask(simulator, lambda client: client.get_grouped_daily_aggs("2026-11-19", adjusted=False))
    today = {
        one.ticker
        for one in await ask(simulator, lambda client: list(client.list_splits(execution_date="2026-11-20")))
    }
    for one, other in zip(after, before, strict=True):
        if one.ticker == split.ticker:
            assert other.close == pytest.approx(one.close * ratio, rel=1e-3)
            assert other.volume == pytest.approx(one.volume / ratio, abs=1)
        elif one.ticker not in today:
            assert other == one
    series = await ask(
        simulator,
        lambda client: list(
            client.list_aggs(split.ticker, 1, "day", "2026-11-19", "2026-11-19", adjusted=False)
        ),
    )
    assert series[0].close == next(bar.close for bar in before if bar.ticker == split.ticker)


async def test_a_float_does_not_know_of_the_split_of_today(simulator: SimulatorService) -> None:
    split = (await ask(simulator, lambda client: list(client.list_splits(execution_date="2026-11-20"))))[0]
    universe = simulator.market.universe
    rows = await ask(simulator, lambda client: list(client.list_stocks_floats(limit=5000)))
    floats = {row.ticker: row for row in rows}
    free_float = universe.free_float_shares[universe.index[split.ticker]]
    ratio = split.split_to / split.split_from
    assert floats[split.ticker].free_float == pytest.approx(free_float / ratio, abs=1)
    assert floats[split.ticker].effective_date == "2026-11-19"


async def test_a_missing_or_unknown_key_is_refused_with_401(simulator: SimulatorService) -> None:
    for path, headers in (
        ("/v1/marketstatus/now", {}),
        ("/v1/marketstatus/now?apiKey=wrong", {}),
        ("/v1/marketstatus/now", {"Authorization": "Bearer wrong"}),
        ("/v1/marketstatus/now", {"Authorization": f"Basic {FULL_KEY}"}),
    ):
        status, body = await get(simulator, path, **headers)
        assert (status, body["error"]) == (401, "Unknown API Key")
    with pytest.raises(BadResponse, match="Unknown API Key"):
        await ask(simulator, lambda client: client.get_market_status(), key="wrong")


async def test_a_rate_limit_is_retried_by_the_sdk_and_can_pass(simulator: SimulatorService) -> None:
    faults_of(simulator).rest_status = 429
    with pytest.raises(MaxRetryError):
        await ask(simulator, lambda client: client.get_market_status())
    faults_of(simulator).rest_failures = 1
    status = await ask(simulator, lambda client: client.get_market_status())
    assert status.market == "open"


async def test_a_missing_entitlement_is_403_with_the_documented_body(simulator: SimulatorService) -> None:
    faults_of(simulator).rest_status = 403
    status, body = await get(simulator, f"/v1/marketstatus/now?apiKey={FULL_KEY}")
    assert (status, body["status"]) == (403, "NOT_AUTHORIZED")
    assert body["message"].startswith("You are not entitled to this data.")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v2/aggs/grouped/locale/us/market/stocks/yesterday", "date must be a date"),
        ("/v2/aggs/ticker/SPY/range/1/fortnight/2026-11-16/2026-11-19", "timespan must be day or minute"),
        (
            "/v2/aggs/ticker/SPY/range/0/minute/2026-11-16/2026-11-19",
            "multiplier must be a whole number from 1",
        ),
        ("/v2/aggs/ticker/SPY/range/1/day/soon/2026-11-19", "from must be a date"),
        ("/v3/reference/tickers?limit=5000", "limit must be a whole number from 1 to 1000"),
        ("/v3/reference/tickers?cursor=%25%25", "cursor is not one"),
        ("/v3/reference/tickers?cursor=bm9uc2Vuc2U=", "cursor is not one"),
    ],
)
async def test_a_bad_parameter_is_named_in_a_400(
    simulator: SimulatorService, path: str, parameter: str
) -> None:
    status, body = await get(simulator, path, Authorization=f"Bearer {FULL_KEY}")
    assert status == 400
    assert body["error"].startswith(parameter)


async def test_an_unrouted_path_is_a_plain_404(simulator: SimulatorService) -> None:
    status, body = await get(simulator, f"/v9/nothing?apiKey={FULL_KEY}")
    assert (status, body) == (404, "404 page not found")
