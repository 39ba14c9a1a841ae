"""The connection to the feed survives everything that the provider's protocol and SDK can do to it.

Against a scripted server. Each trap of the SDK is one test.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus

import psutil
import pytest

from marketdata.feeds import StatusEvent
from marketdata.observability import metrics
from marketdata.providers.base import ProviderState
from marketdata.providers.buffered import FrameBuffer
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.providers.massive.framing import MAX_FRAME_BYTES, count_events
from marketdata.runtime.backoff import Backoff
from tests.support.backoffs import never, soon
from tests.support.builders import trade_wire
from tests.support.deadlines import eventually
from tests.support.running import running as running_until_told_to_stop
from tests.support.scripted_provider import FeedConnection, Script, ScriptedFeed
from tests.support.services import free_port

CHANNELS = ("A.*", "AM.*", "T.*")
SHORT = 0.5
MEGABYTE = 10**6


def make_provider(
    address: str,
    *,
    key: str = "key",
    delays: RetryDelays | None = None,
    answer_timeout_seconds: float = 5.0,
    silence_timeout_seconds: float | None = None,
    buffer: FrameBuffer | None = None,
) -> MassiveProvider:
    configuration = MassiveConfiguration(
        api_key=key,
        feed=address,
        secure=False,
        subscriptions=CHANNELS,
        answer_timeout_seconds=answer_timeout_seconds,
        silence_timeout_seconds=silence_timeout_seconds,
    )
    return MassiveProvider(
        configuration, delays=delays or RetryDelays(1_000, quick=soon(), refused=never()), buffer=buffer
    )


@contextlib.asynccontextmanager
async def running(provider: MassiveProvider) -> AsyncIterator[MassiveProvider]:
    async with running_until_told_to_stop(provider):
        yield provider
    assert provider.status.state is ProviderState.STOPPED


async def first_event_containing(provider: MassiveProvider, text: str) -> None:
    while True:
        if any(text in str(frame.data) for frame in await provider.frames()):
            return


def is_live(provider: MassiveProvider) -> bool:
    return provider.status.state is ProviderState.LIVE


async def stream(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.send(trade_wire("LIVE"))
    await connection.until_closed()


async def test_frames_arrive_with_their_received_time_and_all_channels_are_asked_for() -> None:
    async with ScriptedFeed(stream) as feed, running(make_provider(feed.address)) as provider:
        await first_event_containing(provider, "LIVE")

        assert is_live(provider)
        assert sorted(feed.connections[0].subscribed) == sorted(CHANNELS)


async def close_with_1000(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.socket.close(1000)


async def close_with_1001(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.socket.close(1001)


async def close_with_1011(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.socket.close(1011)


async def drop_after_subscribing(connection: FeedConnection) -> None:
    await connection.subscribe()
    connection.abort()


async def drop_before_greeting(connection: FeedConnection) -> None:
    connection.abort()


async def drop_during_login(connection: FeedConnection) -> None:
    await connection.send_status("connected")
    await connection.receive()
    connection.abort()


async def greet_with_rubbish(connection: FeedConnection) -> None:
    await connection.socket.send("no json")
    await connection.until_closed()


async def answer_login_with_rubbish(connection: FeedConnection) -> None:
    await connection.send_status("connected")
    await connection.receive()
    await connection.socket.send("[{}]")
    await connection.until_closed()


@pytest.mark.parametrize(
    "trap",
    [
        close_with_1000,
        close_with_1001,
        close_with_1011,
        drop_after_subscribing,
        drop_before_greeting,
        drop_during_login,
        greet_with_rubbish,
        answer_login_with_rubbish,
    ],
)
async def test_a_session_that_ends_is_followed_by_one_with_all_subscriptions(trap: Script) -> None:
    async with ScriptedFeed(trap, trap, stream) as feed, running(make_provider(feed.address)) as provider:
        await first_event_containing(provider, "LIVE")

        assert len(feed.connections) == 3
        assert sorted(feed.connections[-1].subscribed) == sorted(CHANNELS)


async def test_more_drops_than_the_sdk_ever_forgives_do_not_end_the_feed() -> None:
    async with (
        ScriptedFeed(*[drop_after_subscribing] * 12, stream) as feed,
        running(make_provider(feed.address)) as provider,
    ):
        await first_event_containing(provider, "LIVE")

        assert len(feed.connections) == 13


async def test_reconnections_wait_longer_and_longer_instead_of_looping() -> None:
    delays = RetryDelays(1_000, quick=Backoff(initial_seconds=30.0, minimum_seconds=20.0))
    async with (
        ScriptedFeed(drop_after_subscribing) as feed,
        running(make_provider(feed.address, delays=delays)) as provider,
    ):
        await eventually(lambda: provider.status.state is ProviderState.WAITING, 5)

        assert provider.status.reason == "connection_lost"
        assert len(feed.connections) == 1


async def never_greet(connection: FeedConnection) -> None:
    await connection.until_closed()


async def never_answer_subscriptions(connection: FeedConnection) -> None:
    await connection.log_in()
    await connection.read_subscriptions()
    await connection.until_closed()


@pytest.mark.parametrize(
    ("trap", "reason"),
    [
        (never_greet, "authentication_unanswered"),
        (never_answer_subscriptions, "subscriptions_unanswered"),
    ],
)
async def test_a_server_that_does_not_answer_is_left_for_a_new_session(trap: Script, reason: str) -> None:
    ended = metrics.PROVIDER_SESSIONS_ENDED.labels(reason=reason)
    before = ended._value.get()
    async with (
        ScriptedFeed(trap, stream) as feed,
        running(make_provider(feed.address, answer_timeout_seconds=SHORT)) as provider,
    ):
        await first_event_containing(provider, "LIVE")

        assert ended._value.get() == before + 1


async def test_a_connected_but_silent_feed_is_left_for_a_new_session() -> None:
    async def fall_silent(connection: FeedConnection) -> None:
        await connection.subscribe()
        await connection.until_closed()

    async with (
        ScriptedFeed(fall_silent, stream) as feed,
        running(make_provider(feed.address, silence_timeout_seconds=SHORT)) as provider,
    ):
        await first_event_containing(provider, "LIVE")

        assert len(feed.connections) == 2


async def test_a_refused_connection_is_told_and_tried_again() -> None:
    provider = make_provider(f"127.0.0.1:{free_port()}", answer_timeout_seconds=SHORT)
    async with running(provider):
        await eventually(lambda: provider.status.reason == "unreachable", 5)


async def test_a_refused_upgrade_is_told_and_tried_until_it_succeeds() -> None:
    async with (
        ScriptedFeed(stream, refuse_with=HTTPStatus.SERVICE_UNAVAILABLE) as feed,
        running(make_provider(feed.address, answer_timeout_seconds=SHORT)) as provider,
    ):
        await eventually(lambda: provider.status.reason == "unreachable", 5)
        assert feed.refused > 0
        feed.refuse_with = None
        await first_event_containing(provider, "LIVE")


async def refuse_key(connection: FeedConnection) -> None:
    await connection.send_status("connected")
    await connection.receive()
    await connection.send_status("auth_failed", "authentication failed")
    connection.abort()


async def too_many_connections(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.send_status("max_connections", "Maximum number of websocket connections exceeded.")
    await connection.socket.close(1008)


@pytest.mark.parametrize(
    ("trap", "reason"), [(refuse_key, "auth_failed"), (too_many_connections, "max_connections")]
)
async def test_a_refusal_is_told_with_its_reason_and_not_repeated_at_once(trap: Script, reason: str) -> None:
    async with ScriptedFeed(trap) as feed, running(make_provider(feed.address)) as provider:
        await eventually(lambda: provider.status.state is ProviderState.REFUSED, 5)

        assert provider.status.reason == reason
        assert provider.status.detail
        assert len(feed.connections) == 1


KEY = "a-key-of-some-length"


@pytest.mark.parametrize("status", ["auth_failed", "error", "max_connections"])
async def test_a_server_that_echoes_the_key_brings_it_into_no_status_and_no_log(
    status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def echo_at_login(connection: FeedConnection) -> None:
        await connection.send_status("connected", f"hello {KEY}")
        key = (await connection.receive())["params"]
        await connection.send_status(status, f"no such key: {key}")
        await connection.socket.close(1008, f"no such key: {key}")

    async def echo_later(connection: FeedConnection) -> None:
        await connection.subscribe()
        await connection.send_status(status, f"no such key: {KEY}")
        await connection.socket.close(1008, f"no such key: {KEY}")

    for script in (echo_at_login, echo_later):
        async with (
            ScriptedFeed(script) as feed,
            running(make_provider(feed.address, key=KEY)) as provider,
        ):
            await eventually(lambda: provider.status.state is ProviderState.REFUSED, 5)
            await eventually(lambda: feed.connections[0].socket.state.name == "CLOSED", 5)
            provider.on_statuses([StatusEvent(status, f"no such key: {KEY}")])
            assert KEY not in repr((provider.status, provider.connection))
            assert "no such key" in repr((provider.status, provider.connection))
    assert KEY not in capsys.readouterr().out


async def test_a_slow_consumer_notice_explains_the_drop_that_follows() -> None:
    async def cut_off(connection: FeedConnection) -> None:
        await connection.subscribe()
        await connection.send_status("slow_consumer", "too slow")
        connection.abort()

    delays = RetryDelays(1_000, quick=never())
    async with ScriptedFeed(cut_off) as feed, running(make_provider(feed.address, delays=delays)) as provider:
        await eventually(lambda: provider.status.reason == "slow_consumer", 5)


async def test_channels_that_the_plan_lacks_do_not_stop_the_others() -> None:
    async def refuse_one(connection: FeedConnection) -> None:
        await connection.log_in()
        await connection.read_subscriptions()
        await connection.send(
            {"ev": "status", "status": "success", "message": "subscribed to: T.*"},
            {"ev": "status", "status": "error", "message": "not authorized"},
        )
        await connection.send(trade_wire("LIVE"))
        await connection.until_closed()

    async with ScriptedFeed(refuse_one) as feed, running(make_provider(feed.address)) as provider:
        await first_event_containing(provider, "LIVE")
        assert is_live(provider)


async def test_a_plan_that_lacks_every_channel_is_not_called_live() -> None:
    async def refuse_all(connection: FeedConnection) -> None:
        await connection.log_in()
        await connection.read_subscriptions()
        await connection.send_status("error", "not authorized")
        await connection.until_closed()

    async with ScriptedFeed(refuse_all) as feed, running(make_provider(feed.address)) as provider:
        await eventually(lambda: provider.status.state is ProviderState.REFUSED, 5)
        assert provider.status.detail == "not authorized"


async def send_a_frame_of_300_mb(connection: FeedConnection) -> None:
    """Its head and a part of it: the rest would not be taken."""
    await connection.subscribe()
    connection.socket.transport.write(b"\x81\x7f" + (300 * MEGABYTE).to_bytes(8, "big") + b"x" * MEGABYTE)
    await connection.until_closed()


async def send_300_mb_in_fragments(connection: FeedConnection) -> None:
    async def fragments() -> AsyncIterator[str]:
        for _ in range(300):
            yield "x" * MEGABYTE

    await connection.subscribe()
    await connection.socket.send(fragments())


@pytest.mark.parametrize("trap", [send_a_frame_of_300_mb, send_300_mb_in_fragments])
async def test_a_frame_of_300_mb_is_told_and_costs_its_connection_and_no_memory(trap: Script) -> None:
    ended = metrics.PROVIDER_SESSIONS_ENDED.labels(reason="frame_too_large")._value
    before: float = ended.get()
    resident = psutil.Process().memory_info().rss
    grown_to = [resident]

    def has_ended() -> bool:
        grown_to.append(psutil.Process().memory_info().rss)
        return bool(ended.get() > before)

    async with ScriptedFeed(trap, stream) as feed, running(make_provider(feed.address)) as provider:
        await eventually(has_ended, 15)
        await first_event_containing(provider, "LIVE")

        assert is_live(provider)
        assert len(feed.connections) == 2
        assert max(grown_to) - resident < 3 * MAX_FRAME_BYTES


async def test_frames_over_a_mebibyte_and_binary_frames_come_through() -> None:
    async def send_big(connection: FeedConnection) -> None:
        await connection.subscribe()
        await connection.socket.send('[{"ev":"T","sym":"BIG"}' + " " * 2**21 + "]")
        await connection.socket.send(b'[{"ev":"T","sym":"BINARY"}]')
        await connection.until_closed()

    async with ScriptedFeed(send_big) as feed, running(make_provider(feed.address)) as provider:
        await first_event_containing(provider, "BIG")
        await first_event_containing(provider, "BINARY")


async def test_a_listener_that_takes_nothing_does_not_hold_up_the_socket() -> None:
    sent = asyncio.Event()

    async def flood(connection: FeedConnection) -> None:
        await connection.subscribe()
        for number in range(400):
            await connection.send(trade_wire("FLOOD", q=number, i="x" * 50_000))
        sent.set()
        await connection.until_closed()

    buffer = FrameBuffer(count_events, capacity_characters=1_000_000)
    async with ScriptedFeed(flood) as feed, running(make_provider(feed.address, buffer=buffer)) as provider:
        await asyncio.wait_for(sent.wait(), 10)
        await eventually(lambda: provider.status.state is ProviderState.LIVE, 5)
        await first_event_containing(provider, '"q":399')
        assert len(feed.connections) == 1


async def test_stopping_ends_a_session_in_every_phase() -> None:
    for script in (never_greet, never_answer_subscriptions, stream):
        async with ScriptedFeed(script) as feed, running(make_provider(feed.address)):
            await eventually(feed.has_connections, 5)
        assert feed.connections[0].socket.close_code is not None


async def test_nothing_is_left_to_take_after_the_stop() -> None:
    async with ScriptedFeed(stream) as feed, running(make_provider(feed.address)) as provider:
        await first_event_containing(provider, "LIVE")
    assert not await provider.frames()
