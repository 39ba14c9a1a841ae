"""Reconnection and watchdog know whether the market is open."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from marketdata.errors import ProviderUnavailable
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import ProviderState
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.providers.massive.market_hours import MarketHours
from marketdata.providers.massive.rest.market_status import MarketStatus, RestMarketStatus
from marketdata.trading_calendar import MarketSession
from tests.support.backoffs import soon
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from tests.support.running import running
from tests.support.scripted_provider import FeedConnection, ScriptedFeed, ScriptedRest
from tests.support.simulator import FULL_KEY, running_simulator, trading_calendar

SATURDAY_NOON_MS = 1_795_280_400_000
MONDAY_OPEN_MS = 1_795_424_400_000  # 2026-11-23 04:00 New York


class Market:
    """The market as REST tells it: a session at a time that goes on from `time_ms`; or no answer."""

    def __init__(self, session: MarketSession, time_ms: int = SATURDAY_NOON_MS) -> None:
        self.session: MarketSession | None = session
        self.asked = 0
        self._offset_ms = time_ms - time.time_ns() // 1_000_000

    def __call__(self) -> MarketStatus:
        self.asked += 1
        if self.session is None:
            raise ProviderUnavailable("away")
        return MarketStatus(self.session, time.time_ns() // 1_000_000 + self._offset_ms)


def make_provider(
    address: str,
    market: Market,
    *,
    silence_timeout_seconds: float = 0.5,
    subscriptions: tuple[str, ...] = ("T.*",),
) -> MassiveProvider:
    return MassiveProvider(
        MassiveConfiguration(
            api_key=FULL_KEY,
            feed=address,
            secure=False,
            subscriptions=subscriptions,
            silence_timeout_seconds=silence_timeout_seconds,
            quiet_silence_timeout_seconds=1_000.0,
        ),
        delays=RetryDelays(1_000, quick=soon(), unreachable=soon()),
        market_hours=MarketHours(market, lambda _ns: trading_calendar()),
    )


async def stay_silent(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.until_closed()


async def leave(connection: FeedConnection) -> None:
    await connection.subscribe()
    connection.abort()


async def test_a_feed_lost_while_the_market_is_closed_waits_for_the_market() -> None:
    market = Market(MarketSession.CLOSED)
    async with ScriptedFeed(leave) as feed, running(make_provider(feed.address, market)) as provider:
        await eventually(lambda: provider.status.state is ProviderState.MARKET_CLOSED, 10)

        assert provider.status.reason == "connection_lost"
        assert len(feed.connections) == 1
        assert market.asked == 1, "a closed market is asked about slowly"


async def test_at_the_open_of_the_calendar_the_provider_is_asked_and_the_feed_connected() -> None:
    market = Market(MarketSession.CLOSED, MONDAY_OPEN_MS - 2_000)
    async with (
        ScriptedFeed(leave, stay_silent) as feed,
        running(make_provider(feed.address, market)) as provider,
    ):
        await eventually(lambda: provider.status.state is ProviderState.MARKET_CLOSED, 10)
        market.session = MarketSession.PRE_MARKET
        await eventually(lambda: provider.status.state is ProviderState.LIVE, 10)

        assert len(feed.connections) == 2


async def test_when_rest_fails_at_the_open_the_calendar_alone_decides() -> None:
    market = Market(MarketSession.CLOSED, MONDAY_OPEN_MS - 2_000)
    async with (
        ScriptedFeed(leave, stay_silent) as feed,
        running(make_provider(feed.address, market)) as provider,
    ):
        await eventually(lambda: provider.status.state is ProviderState.MARKET_CLOSED, 10)
        market.session = None
        await eventually(lambda: provider.status.state is ProviderState.LIVE, 10)


async def test_in_an_open_market_reconnection_does_not_wait_for_anything_but_its_delay() -> None:
    market = Market(MarketSession.REGULAR)
    async with (
        ScriptedFeed(leave, leave, stay_silent) as feed,
        running(make_provider(feed.address, market, silence_timeout_seconds=100)) as provider,
    ):
        await eventually(lambda: len(feed.connections) == 3, 10)
        await eventually(lambda: provider.status.state is ProviderState.LIVE, 5)


async def test_silence_in_the_regular_session_ends_a_connection_and_a_closed_market_does_not() -> None:
    market = Market(MarketSession.CLOSED)
    async with ScriptedFeed(stay_silent) as feed, running(make_provider(feed.address, market)) as provider:
        await eventually(lambda: market.asked > 0, 10)  # so long silent that the market was asked about
        assert provider.status.state is ProviderState.LIVE
        assert provider.connection.number == 1

    market = Market(MarketSession.REGULAR)
    async with ScriptedFeed(stay_silent) as feed, running(make_provider(feed.address, market)) as provider:
        await eventually(lambda: provider.connection.number > 1, 10)


@pytest.mark.parametrize(
    ("session", "subscriptions"),
    [(MarketSession.PRE_MARKET, ("T.*",)), (MarketSession.REGULAR, ("T.ZZZT", "LULD.*"))],
)
async def test_where_silence_is_usual_it_is_given_longer(
    session: MarketSession, subscriptions: tuple[str, ...]
) -> None:
    market = Market(session)
    async with (
        ScriptedFeed(stay_silent) as feed,
        running(make_provider(feed.address, market, subscriptions=subscriptions)) as provider,
    ):
        await eventually(lambda: market.asked > 0, 10)
        assert provider.connection.number == 1
        assert provider.status.state is ProviderState.LIVE


async def test_a_feed_that_falls_silent_is_told_what_to_expect_long_before_it_is_given_up() -> None:
    market = Market(MarketSession.CLOSED)
    async with (
        ScriptedFeed(stay_silent) as feed,
        running(make_provider(feed.address, market, silence_timeout_seconds=1_000)) as provider,
    ):
        assert provider.outlook.session is None
        await eventually(lambda: provider.outlook.session is MarketSession.CLOSED, 10)

        assert provider.outlook.opens_ms == MONDAY_OPEN_MS
        assert provider.status.state is ProviderState.LIVE
        assert market.asked == 1


FRIDAY_NOON_MS = 1_795_194_000_000


@contextlib.asynccontextmanager
async def hanging_rest() -> AsyncIterator[str]:
    """The address of a REST service that takes every request and answers none."""
    ending = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ending.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        ending.set()
        server.close()


@pytest.mark.parametrize(
    ("here_ms", "declared_ms", "session"),
    [
        (SATURDAY_NOON_MS, FRIDAY_NOON_MS, MarketSession.REGULAR),
        (FRIDAY_NOON_MS, SATURDAY_NOON_MS, MarketSession.CLOSED),
    ],
)
async def test_while_rest_hangs_the_clock_that_the_feed_declares_decides(
    here_ms: int, declared_ms: int, session: MarketSession
) -> None:
    async def declare(connection: FeedConnection) -> None:
        await connection.subscribe()
        await connection.send_status("clock", str(declared_ms))
        await connection.until_closed()

    async with ScriptedFeed(declare) as feed, hanging_rest() as rest_url:
        ask = RestMarketStatus(rest_url, FULL_KEY)
        hours = MarketHours(ask, lambda _ns: trading_calendar(), clock=ManualClock(here_ms))
        provider = MassiveProvider(
            MassiveConfiguration(api_key=FULL_KEY, feed=feed.address, secure=False, subscriptions=("T.*",)),
            market_hours=hours,
        )
        async with running(provider):
            await eventually(lambda: provider.outlook.session is not None, 20)
            seen = provider.outlook.session
            assert seen is session
            provider.set_target(ConnectionTarget(feed="RealTime", market="stocks", subscriptions=("T.*",)))
            assert provider.outlook.session is None, "nobody has looked by the clock of that feed"
            provider.set_target(None)


async def test_an_operator_ends_the_wait_for_the_market() -> None:
    market = Market(MarketSession.CLOSED)
    async with (
        ScriptedFeed(leave, stay_silent) as feed,
        running(make_provider(feed.address, market)) as provider,
    ):
        await eventually(lambda: provider.status.state is ProviderState.MARKET_CLOSED, 10)
        provider.set_target(
            ConnectionTarget(feed=feed.address, market="stocks", subscriptions=("T.*",), generation=1)
        )
        await eventually(lambda: provider.status.state is ProviderState.LIVE, 10)


async def test_the_simulated_market_is_asked_over_rest() -> None:
    async with running_simulator() as simulated:
        ask = RestMarketStatus(f"http://{simulated.address}", FULL_KEY)
        status = await asyncio.to_thread(ask)

        assert status.session is MarketSession.REGULAR
        assert abs(status.market_time_ms - simulated.market.now_ms) < 60_000


async def test_a_rest_service_that_refuses_is_unavailable() -> None:
    async with ScriptedRest({}) as rest:
        with pytest.raises(ProviderUnavailable):
            await asyncio.to_thread(RestMarketStatus(rest.url, "key"))
