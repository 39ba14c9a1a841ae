"""The traps of provider and SDK on the simulated feed: docs/provider.md says which test is for which.

What the simulator cannot do on demand is in test_listener_feed.py, against a scripted server.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import ProviderState
from marketdata.providers.buffered import FrameBuffer
from marketdata.providers.emulator import ApiKey, EvictionPolicy, ProtocolSettings
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.providers.massive.emulator.faults import Faults
from marketdata.providers.massive.framing import FrameRouter, count_events
from marketdata.simulator.service import SimulatorService
from marketdata.transport.queues import QueueName
from tests.support.backoffs import never, soon
from tests.support.deadlines import eventually
from tests.support.feed_faults import (
    abort_all,
    close_all,
    send_malformed_frame,
    send_oversized_frame,
    send_unknown_event,
)
from tests.support.running import running
from tests.support.simulator import FULL_KEY, NO_LULD_KEY, SETTINGS, faults_of, running_simulator

CHANNELS = ("A.*", "AM.*", "T.*", "Q.*", "LULD.*")


def make_provider(
    market: SimulatorService,
    *,
    key: str = FULL_KEY,
    subscriptions: tuple[str, ...] = CHANNELS,
    silence_timeout_seconds: float | None = None,
    buffer: FrameBuffer | None = None,
) -> MassiveProvider:
    configuration = MassiveConfiguration(
        api_key=key,
        feed=market.address,
        secure=False,
        subscriptions=subscriptions,
        silence_timeout_seconds=silence_timeout_seconds,
    )
    delays = RetryDelays(1_000, quick=soon(), refused=never(), unreachable=soon())
    return MassiveProvider(configuration, delays=delays, buffer=buffer)


@pytest.fixture
async def market() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


def is_live(provider: MassiveProvider) -> bool:
    return provider.status.state is ProviderState.LIVE


async def live_with(provider: MassiveProvider, *subscriptions: str) -> None:
    await eventually(
        lambda: is_live(provider) and set(provider.connection.confirmed) == set(subscriptions), 10
    )


async def events_of(provider: MassiveProvider, queue: QueueName) -> None:
    """Take frames until one has events for the queue."""
    router = FrameRouter(1)
    while True:
        for frame in await provider.frames():
            router.add(frame.data)
        if any(part.queue is queue for part in router.take().parts):
            return


def close_with(code: int) -> Callable[[Faults], None]:
    return lambda faults: close_all(faults, code)


@pytest.mark.parametrize(
    "blow",
    [close_with(1000), close_with(1001), close_with(1011), abort_all],
    ids=["1000", "1001", "1011", "reset"],
)
async def test_every_kind_of_end_is_followed_by_a_session_with_all_subscriptions(
    blow: Callable[[Faults], None], market: SimulatorService
) -> None:
    async with running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        first = provider.connection.number

        blow(faults_of(market))

        await eventually(lambda: provider.connection.number > first, 10)
        await live_with(provider, *CHANNELS)
        await events_of(provider, QueueName.TRADES)


async def test_drops_before_the_reply_to_the_login_lose_no_subscription(market: SimulatorService) -> None:
    faults_of(market).abort_before_auth_reply = 3
    async with running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        assert provider.connection.number == 4


async def test_more_drops_than_the_sdk_forgives_in_its_life_do_not_end_the_feed(
    market: SimulatorService,
) -> None:
    faults_of(market).abort_after_subscribe = 8
    async with running(make_provider(market)) as provider:
        await eventually(lambda: provider.connection.number >= 9 and is_live(provider), 20)


async def test_a_refused_upgrade_is_our_attempt_to_count_and_not_the_librarys(
    market: SimulatorService,
) -> None:
    faults_of(market).refuse_upgrade_status = 503
    async with running(make_provider(market)) as provider:
        await eventually(lambda: provider.connection.number > 3, 10)
        assert provider.status.reason == "unreachable"
        await eventually(lambda: "HTTP 503" in provider.status.detail, 5)
        faults_of(market).refuse_upgrade_status = None
        await live_with(provider, *CHANNELS)


async def test_a_server_that_comes_back_is_found_within_five_seconds() -> None:
    async with running_simulator() as first:
        provider = MassiveProvider(
            MassiveConfiguration(api_key=FULL_KEY, feed=first.address, secure=False), delays=RetryDelays(5)
        )
        async with running(provider):
            await eventually(lambda: is_live(provider), 10)
            abort_all(faults_of(first))
            faults_of(first).refuse_upgrade_status = 503
            await eventually(lambda: provider.connection.number >= 5, 20)
            faults_of(first).refuse_upgrade_status = None
            await eventually(lambda: is_live(provider), 5)


async def test_a_frame_above_a_mebibyte_does_not_end_the_connection(market: SimulatorService) -> None:
    async with running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        send_oversized_frame(faults_of(market))
        async with asyncio.timeout(10):
            while not any(len(frame.data) > 2**20 for frame in await provider.frames()):
                pass
        assert provider.connection.number == 1


@pytest.mark.parametrize("blow", [send_malformed_frame, send_unknown_event], ids=["malformed", "unknown"])
async def test_frames_that_raise_in_the_sdk_or_vanish_there_reach_the_unknown_queue(
    blow: Callable[[Faults], None], market: SimulatorService
) -> None:
    async with running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        blow(faults_of(market))
        await events_of(provider, QueueName.UNKNOWN)
        await events_of(provider, QueueName.TRADES)
        assert provider.connection.number == 1


async def test_a_silent_feed_is_left_for_a_new_session(market: SimulatorService) -> None:
    async with running(make_provider(market, silence_timeout_seconds=1.0)) as provider:
        await live_with(provider, *CHANNELS)
        faults_of(market).stalled = True
        await eventually(lambda: provider.connection.number > 1, 10)
        faults_of(market).stalled = False
        await eventually(lambda: is_live(provider), 10)
        await events_of(provider, QueueName.QUOTES)


async def test_a_channel_that_the_plan_lacks_is_told_and_the_others_flow(market: SimulatorService) -> None:
    async with running(make_provider(market, key=NO_LULD_KEY)) as provider:
        await live_with(provider, "A.*", "AM.*", "T.*", "Q.*")
        assert provider.connection.complaint == "error: not authorized"
        await events_of(provider, QueueName.QUOTES)


async def test_a_refused_key_is_a_state_with_a_reason_and_no_loop(market: SimulatorService) -> None:
    async with running(make_provider(market, key="wrong")) as provider:
        await eventually(lambda: provider.status.state is ProviderState.REFUSED, 10)
        assert (provider.status.reason, provider.status.detail) == ("auth_failed", "authentication failed")
        assert provider.connection.number == 1


async def test_a_close_with_1008_is_a_refusal_although_no_status_explains_it(
    market: SimulatorService,
) -> None:
    async with running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        close_all(faults_of(market), 1008)
        await eventually(lambda: provider.status.state is ProviderState.REFUSED, 10)
        assert provider.status.reason == "policy_violation"
        assert provider.connection.number == 1


@pytest.mark.parametrize("policy", list(EvictionPolicy))
async def test_too_many_connections_are_a_state_with_a_reason_for_whichever_is_evicted(
    policy: EvictionPolicy,
) -> None:
    settings = ProtocolSettings(api_keys=(ApiKey(FULL_KEY),), max_connections=1, eviction=policy)
    async with (
        running_simulator(settings) as market,
        running(make_provider(market)) as older,
    ):
        await eventually(lambda: is_live(older), 10)
        async with running(make_provider(market)) as newer:
            evicted, kept = (older, newer) if policy is EvictionPolicy.OLDEST else (newer, older)
            await eventually(lambda: evicted.status.state is ProviderState.REFUSED, 10)
            assert evicted.status.reason == "max_connections"
            await eventually(lambda: is_live(kept), 10)
            assert evicted.connection.number == 1


async def test_nobody_taking_frames_neither_blocks_the_socket_nor_the_server(
    market: SimulatorService,
) -> None:
    buffer = FrameBuffer(count_events, capacity_characters=20_000)
    async with running(make_provider(market, buffer=buffer)) as provider:
        await eventually(lambda: provider.counts.events_dropped.get("buffer_full", 0) > 2_000, 20)
        (connection,) = faults_of(market).connections()
        assert connection.pending_bytes < SETTINGS.send_buffer_bytes / 100
        assert provider.connection.number == 1
        counts = provider.counts
        assert counts.frames_received == counts.frames_dropped + counts.frames_waiting


class TestSubscriptionsAtRuntime:
    """One connection throughout, and no channel lost to another whose name it begins with."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (("AM.*", "T.*"), ("A.*", "AM.*", "T.*")),
            (("A.*", "AM.*"), ("AM.*",)),
            (("A.*",), ("A.*", "Q.*")),
            (("T.*",), ("T.AAPL", "T.MSFT")),
            (("T.AAPL",), ("T.*",)),
            (("A.*",), ("LULD.*",)),
        ],
    )
    async def test_the_difference_is_asked_for_on_the_open_connection(
        self, before: tuple[str, ...], after: tuple[str, ...], market: SimulatorService
    ) -> None:
        async with running(make_provider(market, subscriptions=before)) as provider:
            await live_with(provider, *before)
            provider.set_target(ConnectionTarget(feed=market.address, market="stocks", subscriptions=after))
            await live_with(provider, *after)
            assert provider.connection.number == 1
            assert len(faults_of(market).connections()) == 1

    async def test_what_was_changed_lasts_over_a_reconnection(self, market: SimulatorService) -> None:
        async with running(make_provider(market, subscriptions=("A.*",))) as provider:
            await live_with(provider, "A.*")
            provider.set_target(
                ConnectionTarget(feed=market.address, market="stocks", subscriptions=("AM.*", "Q.*"))
            )
            await live_with(provider, "AM.*", "Q.*")
            abort_all(faults_of(market))
            await eventually(lambda: provider.connection.number == 2, 10)
            await live_with(provider, "AM.*", "Q.*")

    async def test_changes_in_quick_succession_end_at_the_last(self, market: SimulatorService) -> None:
        async with running(make_provider(market, subscriptions=("A.*",))) as provider:
            for subscriptions in (("T.*",), ("Q.*", "A.*"), ("AM.*", "LULD.*")):
                provider.set_target(
                    ConnectionTarget(feed=market.address, market="stocks", subscriptions=subscriptions)
                )
                await asyncio.sleep(0)
            await live_with(provider, "AM.*", "LULD.*")


async def test_another_feed_is_a_new_session_and_the_old_one_is_closed(market: SimulatorService) -> None:
    async with running_simulator() as other, running(make_provider(market)) as provider:
        await live_with(provider, *CHANNELS)
        provider.set_target(ConnectionTarget(feed=other.address, market="stocks", subscriptions=("T.*",)))
        assert not is_live(provider), "what was true of the old feed is not told of the new one"
        await live_with(provider, "T.*")
        assert len(faults_of(other).connections()) == 1
        await eventually(lambda: not faults_of(market).connections(), 5)


async def test_a_new_target_ends_the_wait_after_a_refusal(market: SimulatorService) -> None:
    async with running_simulator(ProtocolSettings(api_keys=(ApiKey("other"),))) as refusing:
        provider = make_provider(refusing)
        async with running(provider):
            await eventually(lambda: provider.status.state is ProviderState.REFUSED, 10)
            provider.set_target(
                ConnectionTarget(feed=market.address, market="stocks", subscriptions=("T.*",))
            )
            await live_with(provider, "T.*")
